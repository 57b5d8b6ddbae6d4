// The method of a request.
package org.springframework.http;

import java.io.Serializable;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A request method: one of the usual, which are single objects, or any other. */
public final class HttpMethod implements Comparable<HttpMethod>, Serializable {
    private static final long serialVersionUID = 1;

    public static final HttpMethod GET = new HttpMethod("GET");
    public static final HttpMethod HEAD = new HttpMethod("HEAD");
    public static final HttpMethod POST = new HttpMethod("POST");
    public static final HttpMethod PUT = new HttpMethod("PUT");
    public static final HttpMethod PATCH = new HttpMethod("PATCH");
    public static final HttpMethod DELETE = new HttpMethod("DELETE");
    public static final HttpMethod OPTIONS = new HttpMethod("OPTIONS");
    public static final HttpMethod TRACE = new HttpMethod("TRACE");

    private static final Map<String, HttpMethod> USUAL =
            Stream.of(GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE)
                    .collect(Collectors.toUnmodifiableMap(HttpMethod::name, Function.identity()));

    private final String name;

    private HttpMethod(String name) {
        this.name = name;
    }

    /** The usual methods. */
    public static HttpMethod[] values() {
        return new HttpMethod[] {GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE};
    }

    /** The method of this name; names are case-sensitive. */
    public static HttpMethod valueOf(String name) {
        Objects.requireNonNull(name, "name");
        HttpMethod usual = USUAL.get(name);
        return usual == null ? new HttpMethod(name) : usual;
    }

    /** The name as it stands in the request line. */
    public String name() {
        return name;
    }

    /** Whether this is the method of that name. */
    public boolean matches(String other) {
        return name.equals(other);
    }

    @Override
    public int compareTo(HttpMethod other) {
        return name.compareTo(other.name);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof HttpMethod method && name.equals(method.name);
    }

    @Override
    public int hashCode() {
        return name.hashCode();
    }

    @Override
    public String toString() {
        return name;
    }
}
