// What kind of content a body holds.
package org.springframework.http;

import java.io.Serializable;
import java.nio.charset.Charset;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** A media type with its parameters. */
public class MediaType implements Serializable {
    private static final long serialVersionUID = 1;

    public static final String ALL_VALUE = "*/*";
    public static final String APPLICATION_FORM_URLENCODED_VALUE =
            "application/x-www-form-urlencoded";
    public static final String APPLICATION_JSON_VALUE = "application/json";
    public static final String APPLICATION_NDJSON_VALUE = "application/x-ndjson";
    public static final String APPLICATION_OCTET_STREAM_VALUE = "application/octet-stream";
    public static final String APPLICATION_PDF_VALUE = "application/pdf";
    public static final String APPLICATION_PROBLEM_JSON_VALUE = "application/problem+json";
    public static final String APPLICATION_XML_VALUE = "application/xml";
    public static final String IMAGE_GIF_VALUE = "image/gif";
    public static final String IMAGE_JPEG_VALUE = "image/jpeg";
    public static final String IMAGE_PNG_VALUE = "image/png";
    public static final String MULTIPART_FORM_DATA_VALUE = "multipart/form-data";
    public static final String TEXT_EVENT_STREAM_VALUE = "text/event-stream";
    public static final String TEXT_HTML_VALUE = "text/html";
    public static final String TEXT_MARKDOWN_VALUE = "text/markdown";
    public static final String TEXT_PLAIN_VALUE = "text/plain";
    public static final String TEXT_XML_VALUE = "text/xml";

    public static final MediaType ALL = valueOf(ALL_VALUE);
    public static final MediaType APPLICATION_FORM_URLENCODED =
            valueOf(APPLICATION_FORM_URLENCODED_VALUE);
    public static final MediaType APPLICATION_JSON = valueOf(APPLICATION_JSON_VALUE);
    public static final MediaType APPLICATION_NDJSON = valueOf(APPLICATION_NDJSON_VALUE);
    public static final MediaType APPLICATION_OCTET_STREAM =
            valueOf(APPLICATION_OCTET_STREAM_VALUE);
    public static final MediaType APPLICATION_PDF = valueOf(APPLICATION_PDF_VALUE);
    public static final MediaType APPLICATION_PROBLEM_JSON =
            valueOf(APPLICATION_PROBLEM_JSON_VALUE);
    public static final MediaType APPLICATION_XML = valueOf(APPLICATION_XML_VALUE);
    public static final MediaType IMAGE_GIF = valueOf(IMAGE_GIF_VALUE);
    public static final MediaType IMAGE_JPEG = valueOf(IMAGE_JPEG_VALUE);
    public static final MediaType IMAGE_PNG = valueOf(IMAGE_PNG_VALUE);
    public static final MediaType MULTIPART_FORM_DATA = valueOf(MULTIPART_FORM_DATA_VALUE);
    public static final MediaType TEXT_EVENT_STREAM = valueOf(TEXT_EVENT_STREAM_VALUE);
    public static final MediaType TEXT_HTML = valueOf(TEXT_HTML_VALUE);
    public static final MediaType TEXT_MARKDOWN = valueOf(TEXT_MARKDOWN_VALUE);
    public static final MediaType TEXT_PLAIN = valueOf(TEXT_PLAIN_VALUE);
    public static final MediaType TEXT_XML = valueOf(TEXT_XML_VALUE);

    private final String type;
    private final String subtype;
    private final LinkedHashMap<String, String> parameters;

    /** {@code type/*}. */
    public MediaType(String type) {
        this(type, "*");
    }

    /** A type without parameters. */
    public MediaType(String type, String subtype) {
        this(type, subtype, Map.of());
    }

    /** A type of text in this encoding. */
    public MediaType(String type, String subtype, Charset charset) {
        this(type, subtype, Map.of("charset", charset.name()));
    }

    /** A type with parameters; the case of names does not count. */
    public MediaType(String type, String subtype, Map<String, String> parameters) {
        this.type = type.toLowerCase(Locale.ROOT);
        this.subtype = subtype.toLowerCase(Locale.ROOT);
        this.parameters = new LinkedHashMap<>();
        parameters.forEach((k, v) -> this.parameters.put(k.toLowerCase(Locale.ROOT), v));
    }

    /** Reads {@code type/subtype; name=value}; IllegalArgumentException says what is wrong. */
    public static MediaType parseMediaType(String text) {
        String[] parts = text.split(";");
        String[] names = parts[0].strip().split("/", -1);
        if (names.length != 2 || names[0].isEmpty() || names[1].isEmpty()) {
            throw new IllegalArgumentException(
                    "media type \"" + text + "\" is not of the form type/subtype");
        }
        Map<String, String> parameters = new LinkedHashMap<>();
        for (int index = 1; index < parts.length; index++) {
            String[] pair = parts[index].strip().split("=", 2);
            if (pair.length == 2) {
                parameters.put(pair[0], pair[1]);
            }
        }
        return new MediaType(names[0], names[1], parameters);
    }

    /** The same as {@link #parseMediaType}. */
    public static MediaType valueOf(String text) {
        return parseMediaType(text);
    }

    /** What stands before the slash. */
    public String getType() {
        return type;
    }

    /** What stands behind the slash. */
    public String getSubtype() {
        return subtype;
    }

    /** A parameter, or null. */
    public String getParameter(String name) {
        return parameters.get(name.toLowerCase(Locale.ROOT));
    }

    /** All parameters. */
    public Map<String, String> getParameters() {
        return Collections.unmodifiableMap(parameters);
    }

    /** The encoding of a type of text, or null. */
    public Charset getCharset() {
        String name = getParameter("charset");
        return name == null ? null : Charset.forName(name.replace("\"", ""));
    }

    /** Whether the other type falls under this one; {@code *} stands for anything. */
    public boolean includes(MediaType other) {
        return other != null
                && (type.equals("*") || type.equals(other.type))
                && (subtype.equals("*") || subtype.equals(other.subtype));
    }

    /** Whether one falls under the other. */
    public boolean isCompatibleWith(MediaType other) {
        return includes(other) || other != null && other.includes(this);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof MediaType that
                && type.equals(that.type)
                && subtype.equals(that.subtype)
                && parameters.equals(that.parameters);
    }

    @Override
    public int hashCode() {
        return 31 * type.hashCode() + subtype.hashCode();
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(type).append('/').append(subtype);
        parameters.forEach((name, value) -> text.append(';').append(name).append('=').append(value));
        return text.toString();
    }
}
