// What surrounds a call, beside the request itself.
package io.fission;

import java.util.List;
import java.util.Map;

/** All have defaults, so that a test may write {@code new Context() {}}. */
public interface Context {
    /** The request's body as it came, whatever its content type says. */
    default byte[] body() {
        return new byte[0];
    }

    /** The query's parameters, decoded, in their order. */
    default Map<String, List<String>> query() {
        return Map.of();
    }

    /** Name of the function. */
    default String functionName() {
        return "";
    }

    /** Namespace of the function. */
    default String functionNamespace() {
        return "";
    }
}
