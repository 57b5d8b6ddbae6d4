// One request as it was read from its connection.
package io.fission.runtime;

import java.util.List;

/**
 * A request.
 *
 * @param method as it stands in the request line
 * @param target path and query, still escaped
 * @param headers name and value in turn, in their order
 * @param body all of it, without its transfer coding
 */
record Request(String method, String target, List<String> headers, byte[] body) {
    /** The path without the query. */
    String path() {
        int end = target.indexOf('?');
        return end < 0 ? target : target.substring(0, end);
    }

    /** The query without its question mark; empty if there is none. */
    String query() {
        int end = target.indexOf('?');
        return end < 0 ? "" : target.substring(end + 1);
    }

    /** The first value of a header, or null. */
    String header(String name) {
        for (int index = 0; index < headers.size(); index += 2) {
            if (headers.get(index).equalsIgnoreCase(name)) {
                return headers.get(index + 1);
            }
        }
        return null;
    }
}
