// A request: method, URL, headers and body.
package org.springframework.http;

import java.lang.reflect.Type;
import java.net.URI;
import org.springframework.util.MultiValueMap;

/**
 * A request.
 *
 * @param <T> type of the body
 */
public class RequestEntity<T> extends HttpEntity<T> {
    private final HttpMethod method;
    private final URI url;
    private final Type type;

    /** A request without headers and body. */
    public RequestEntity(HttpMethod method, URI url) {
        this(null, null, method, url, null);
    }

    /** A request without headers. */
    public RequestEntity(T body, HttpMethod method, URI url) {
        this(body, null, method, url, null);
    }

    /** A request without a body. */
    public RequestEntity(MultiValueMap<String, String> headers, HttpMethod method, URI url) {
        this(null, headers, method, url, null);
    }

    /** A whole request. */
    public RequestEntity(
            T body, MultiValueMap<String, String> headers, HttpMethod method, URI url) {
        this(body, headers, method, url, null);
    }

    /** A whole request, as programs look for it that were compiled with Spring 7. */
    public RequestEntity(T body, HttpHeaders headers, HttpMethod method, URI url) {
        this(body, headers, method, url, null);
    }

    /** A request without a body, likewise. */
    public RequestEntity(HttpHeaders headers, HttpMethod method, URI url) {
        this(null, headers, method, url, null);
    }

    /** A whole request whose body has a type that its class does not tell. */
    public RequestEntity(
            T body, MultiValueMap<String, String> headers, HttpMethod method, URI url, Type type) {
        super(body, headers);
        this.method = method;
        this.url = url;
        this.type = type;
    }

    /** The method. */
    public HttpMethod getMethod() {
        return method;
    }

    /** The URL, query included. */
    public URI getUrl() {
        return url;
    }

    /** The type of the body, or null if there is none. */
    public Type getType() {
        if (type != null) {
            return type;
        }
        return getBody() == null ? null : getBody().getClass();
    }

    /** Begins a request. */
    public static BodyBuilder method(HttpMethod method, URI url) {
        return new RequestBuilder(method, url);
    }

    /** Begins a GET request. */
    public static HeadersBuilder<?> get(URI url) {
        return method(HttpMethod.GET, url);
    }

    /** Begins a HEAD request. */
    public static HeadersBuilder<?> head(URI url) {
        return method(HttpMethod.HEAD, url);
    }

    /** Begins a POST request. */
    public static BodyBuilder post(URI url) {
        return method(HttpMethod.POST, url);
    }

    /** Begins a PUT request. */
    public static BodyBuilder put(URI url) {
        return method(HttpMethod.PUT, url);
    }

    /** Begins a PATCH request. */
    public static BodyBuilder patch(URI url) {
        return method(HttpMethod.PATCH, url);
    }

    /** Begins a DELETE request. */
    public static HeadersBuilder<?> delete(URI url) {
        return method(HttpMethod.DELETE, url);
    }

    /**
     * A request whose headers are being written.
     *
     * @param <B> the builder itself
     */
    public interface HeadersBuilder<B extends HeadersBuilder<B>> {
        /** Adds values of a header. */
        B header(String name, String... values);

        /** Adds headers. */
        B headers(HttpHeaders headers);

        /** Says what the caller takes. */
        B accept(MediaType... types);

        /** The request without a body. */
        RequestEntity<Void> build();
    }

    /** A request whose headers and body are being written. */
    public interface BodyBuilder extends HeadersBuilder<BodyBuilder> {
        /** Sets the length of the body in bytes. */
        BodyBuilder contentLength(long length);

        /** Sets the type of the body. */
        BodyBuilder contentType(MediaType type);

        /** The request with this body. */
        <T> RequestEntity<T> body(T body);
    }
}
