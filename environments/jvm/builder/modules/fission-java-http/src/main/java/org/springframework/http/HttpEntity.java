// Headers and a body: what requests and answers have in common.
package org.springframework.http;

import java.util.Objects;
import org.springframework.util.MultiValueMap;

/**
 * Headers and a body.
 *
 * @param <T> type of the body
 */
public class HttpEntity<T> {
    /** No headers, no body. */
    public static final HttpEntity<?> EMPTY = new HttpEntity<>();

    private final HttpHeaders headers;
    private final T body;

    protected HttpEntity() {
        this(null, (MultiValueMap<String, String>) null);
    }

    /** A body without headers. */
    public HttpEntity(T body) {
        this(body, (MultiValueMap<String, String>) null);
    }

    /** Headers without a body. */
    public HttpEntity(MultiValueMap<String, String> headers) {
        this(null, headers);
    }

    /** A body and headers, which are copied; either may be null. */
    public HttpEntity(T body, MultiValueMap<String, String> headers) {
        this.body = body;
        this.headers = new HttpHeaders();
        if (headers != null) {
            this.headers.addAll(headers);
        }
    }

    /** Headers without a body, as programs look for it that were compiled with Spring 7. */
    public HttpEntity(HttpHeaders headers) {
        this(null, headers);
    }

    /** A body and headers, likewise. */
    public HttpEntity(T body, HttpHeaders headers) {
        this(body, (MultiValueMap<String, String>) headers);
    }

    /** The headers. */
    public HttpHeaders getHeaders() {
        return headers;
    }

    /** The body, or null. */
    public T getBody() {
        return body;
    }

    /** Whether there is a body. */
    public boolean hasBody() {
        return body != null;
    }

    @Override
    public boolean equals(Object other) {
        return other != null
                && other.getClass() == getClass()
                && headers.equals(((HttpEntity<?>) other).headers)
                && Objects.deepEquals(body, ((HttpEntity<?>) other).body);
    }

    @Override
    public int hashCode() {
        return Objects.hash(headers, body);
    }

    @Override
    public String toString() {
        return "<" + (body == null ? "" : body + ",") + headers + ">";
    }
}
