// One answer, before it is written to its connection.
package io.fission.runtime;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * An answer: its body is in {@code bytes}, or is what {@code stream} gives until its end.
 *
 * @param status three digits
 * @param headers name and value in turn
 * @param bytes the body; null for a stream
 * @param stream the body; null for bytes. Whoever writes the answer closes it
 */
record Answer(int status, List<String> headers, byte[] bytes, InputStream stream) {
    private static final String TYPE = "Content-Type";

    /** Plain text of our own. */
    static Answer text(int status, String text, String... more) {
        List<String> headers = new java.util.ArrayList<>(List.of(more));
        headers.add(TYPE);
        headers.add("text/plain; charset=utf-8");
        return new Answer(status, headers, text.getBytes(StandardCharsets.UTF_8), null);
    }
}
