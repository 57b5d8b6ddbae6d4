// Headers of a request or an answer: names whose case does not count, each with its values.
package org.springframework.http;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.springframework.util.MultiValueMap;

/** Headers in their order; names are found whatever their case. Not safe for several threads. */
public class HttpHeaders extends AbstractMap<String, List<String>>
        implements MultiValueMap<String, String> {
    public static final String ACCEPT = "Accept";
    public static final String ACCEPT_CHARSET = "Accept-Charset";
    public static final String ACCEPT_ENCODING = "Accept-Encoding";
    public static final String ACCEPT_LANGUAGE = "Accept-Language";
    public static final String ACCESS_CONTROL_ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials";
    public static final String ACCESS_CONTROL_ALLOW_HEADERS = "Access-Control-Allow-Headers";
    public static final String ACCESS_CONTROL_ALLOW_METHODS = "Access-Control-Allow-Methods";
    public static final String ACCESS_CONTROL_ALLOW_ORIGIN = "Access-Control-Allow-Origin";
    public static final String ACCESS_CONTROL_MAX_AGE = "Access-Control-Max-Age";
    public static final String ALLOW = "Allow";
    public static final String AUTHORIZATION = "Authorization";
    public static final String CACHE_CONTROL = "Cache-Control";
    public static final String CONNECTION = "Connection";
    public static final String CONTENT_DISPOSITION = "Content-Disposition";
    public static final String CONTENT_ENCODING = "Content-Encoding";
    public static final String CONTENT_LANGUAGE = "Content-Language";
    public static final String CONTENT_LENGTH = "Content-Length";
    public static final String CONTENT_TYPE = "Content-Type";
    public static final String COOKIE = "Cookie";
    public static final String DATE = "Date";
    public static final String ETAG = "ETag";
    public static final String EXPIRES = "Expires";
    public static final String HOST = "Host";
    public static final String IF_MATCH = "If-Match";
    public static final String IF_MODIFIED_SINCE = "If-Modified-Since";
    public static final String IF_NONE_MATCH = "If-None-Match";
    public static final String LAST_MODIFIED = "Last-Modified";
    public static final String LINK = "Link";
    public static final String LOCATION = "Location";
    public static final String ORIGIN = "Origin";
    public static final String RANGE = "Range";
    public static final String REFERER = "Referer";
    public static final String RETRY_AFTER = "Retry-After";
    public static final String SET_COOKIE = "Set-Cookie";
    public static final String USER_AGENT = "User-Agent";
    public static final String VARY = "Vary";
    public static final String WWW_AUTHENTICATE = "WWW-Authenticate";

    /** Lower-case name → the header as it was first named. */
    private final Map<String, Entry<String, List<String>>> byName = new LinkedHashMap<>();

    /** No headers. */
    public HttpHeaders() {}

    /** A copy. */
    public HttpHeaders(MultiValueMap<String, String> headers) {
        addAll(headers);
    }

    // -- as a map -------------------------------------------------------------------------------

    @Override
    public List<String> get(Object name) {
        Entry<String, List<String>> header = byName.get(fold(name));
        return header == null ? null : header.getValue();
    }

    @Override
    public boolean containsKey(Object name) {
        return byName.containsKey(fold(name));
    }

    @Override
    public List<String> put(String name, List<String> values) {
        Entry<String, List<String>> before = byName.put(fold(name), new SimpleEntry<>(name, values));
        return before == null ? null : before.getValue();
    }

    @Override
    public List<String> remove(Object name) {
        Entry<String, List<String>> before = byName.remove(fold(name));
        return before == null ? null : before.getValue();
    }

    @Override
    public Set<Entry<String, List<String>>> entrySet() {
        Collection<Entry<String, List<String>>> headers = byName.values();
        return new java.util.AbstractSet<>() {
            @Override
            public java.util.Iterator<Entry<String, List<String>>> iterator() {
                return headers.iterator();
            }

            @Override
            public int size() {
                return headers.size();
            }
        };
    }

    @Override
    public String getFirst(String name) {
        List<String> values = get(name);
        return values == null || values.isEmpty() ? null : values.get(0);
    }

    @Override
    public void add(String name, String value) {
        valuesOf(name).add(value);
    }

    @Override
    public void addAll(String name, List<? extends String> values) {
        valuesOf(name).addAll(values);
    }

    @Override
    public void addAll(MultiValueMap<String, String> headers) {
        headers.forEach(this::addAll);
    }

    @Override
    public void set(String name, String value) {
        List<String> values = new ArrayList<>(1);
        values.add(value);
        put(name, values);
    }

    @Override
    public void setAll(Map<String, String> values) {
        values.forEach(this::set);
    }

    @Override
    public Map<String, String> toSingleValueMap() {
        Map<String, String> single = new LinkedHashMap<>();
        forEach((name, values) -> single.put(name, values.get(0)));
        return single;
    }

    // -- as headers -----------------------------------------------------------------------------

    /** The values, none if there is no such header. */
    public List<String> getOrEmpty(Object name) {
        List<String> values = get(name);
        return values == null ? List.of() : values;
    }

    /** The media type of the body, or null. */
    public MediaType getContentType() {
        String text = getFirst(CONTENT_TYPE);
        return text == null || text.isEmpty() ? null : MediaType.parseMediaType(text);
    }

    /** Sets the media type of the body. */
    public void setContentType(MediaType type) {
        setOrRemove(CONTENT_TYPE, type);
    }

    /** The length of the body in bytes, or -1. */
    public long getContentLength() {
        String text = getFirst(CONTENT_LENGTH);
        return text == null ? -1 : Long.parseLong(text);
    }

    /** Sets the length of the body in bytes. */
    public void setContentLength(long length) {
        set(CONTENT_LENGTH, Long.toString(length));
    }

    /** Where to look instead, or null. */
    public URI getLocation() {
        String text = getFirst(LOCATION);
        return text == null ? null : URI.create(text);
    }

    /** Sets where to look instead. */
    public void setLocation(URI location) {
        setOrRemove(LOCATION, location == null ? null : location.toASCIIString());
    }

    /** The version of what is answered, or null. */
    public String getETag() {
        return getFirst(ETAG);
    }

    /** Sets the version of what is answered, quotes included. */
    public void setETag(String tag) {
        setOrRemove(ETAG, tag);
    }

    /** The directives for caches, or null. */
    public String getCacheControl() {
        List<String> values = get(CACHE_CONTROL);
        return values == null ? null : String.join(", ", values);
    }

    /** Sets the directives for caches. */
    public void setCacheControl(String directives) {
        setOrRemove(CACHE_CONTROL, directives);
    }

    /** The media types that the caller takes. */
    public List<MediaType> getAccept() {
        List<MediaType> types = new ArrayList<>();
        for (String value : getOrEmpty(ACCEPT)) {
            for (String type : value.split(",")) {
                types.add(MediaType.parseMediaType(type.strip()));
            }
        }
        return types;
    }

    /** Identifies the sender by a token. */
    public void setBearerAuth(String token) {
        set(AUTHORIZATION, "Bearer " + token);
    }

    /** Identifies the sender by name and password. */
    public void setBasicAuth(String name, String password) {
        byte[] both = (name + ":" + password).getBytes(StandardCharsets.ISO_8859_1);
        set(AUTHORIZATION, "Basic " + Base64.getEncoder().encodeToString(both));
    }

    private void setOrRemove(String name, Object value) {
        if (value == null) {
            remove(name);
        } else {
            set(name, value.toString());
        }
    }

    private List<String> valuesOf(String name) {
        String folded = fold(name);
        return byName.computeIfAbsent(folded, absent -> new SimpleEntry<>(name, new ArrayList<>(1)))
                .getValue();
    }

    private static String fold(Object name) {
        return name.toString().toLowerCase(Locale.ROOT);
    }
}
