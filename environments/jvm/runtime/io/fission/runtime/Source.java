// The incoming bytes of one connection, with what is read too far kept for the next request.
package io.fission.runtime;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** A buffer over the input of a connection. */
final class Source {
    private static final int CHUNK = 16 * 1024;

    private final InputStream input;
    private byte[] buffer = new byte[CHUNK];
    private int start;
    private int end;

    Source(InputStream input) {
        this.input = input;
    }

    /** Whether bytes are here that nobody has taken. */
    boolean hasBytes() {
        return start < end;
    }

    /** Waits for bytes; false at the end of the stream. */
    boolean fill() throws IOException {
        if (start == end) {
            start = 0;
            end = 0;
        } else if (end == buffer.length) {
            if (start > 0) {
                System.arraycopy(buffer, start, buffer, 0, end - start);
                end -= start;
                start = 0;
            } else {
                buffer = Arrays.copyOf(buffer, buffer.length * 2);
            }
        }
        int count = input.read(buffer, end, buffer.length - end);
        if (count > 0) {
            end += count;
        }
        return count > 0;
    }

    /**
     * Takes the bytes up to and with an empty line, as ISO 8859-1 text; null when the stream ends
     * before their first byte.
     */
    String head(int limit) throws IOException {
        int seen = 0;
        while (true) {
            for (; seen + 3 < end - start; seen++) {
                int at = start + seen;
                if (buffer[at] == '\r'
                        && buffer[at + 1] == '\n'
                        && buffer[at + 2] == '\r'
                        && buffer[at + 3] == '\n') {
                    return take(seen + 4);
                }
            }
            if (end - start > limit) {
                throw new BadRequest(431, "the head is longer than " + limit + " bytes");
            }
            if (!fill()) {
                if (start == end) {
                    return null;
                }
                throw new BadRequest(400, "the connection ended within a head");
            }
        }
    }

    /** Takes a line that ends with CR LF, without these. */
    String line(int limit) throws IOException {
        int seen = 0;
        while (true) {
            for (; seen + 1 < end - start; seen++) {
                if (buffer[start + seen] == '\r' && buffer[start + seen + 1] == '\n') {
                    String line = take(seen + 2);
                    return line.substring(0, seen);
                }
            }
            if (end - start > limit) {
                throw new BadRequest(400, "a line of a chunk is longer than " + limit + " bytes");
            }
            if (!fill()) {
                throw new EOFException("the connection ended within a body");
            }
        }
    }

    /** Takes exactly as many bytes as fit. */
    void exactly(byte[] target, int offset, int count) throws IOException {
        int here = Math.min(count, end - start);
        System.arraycopy(buffer, start, target, offset, here);
        start += here;
        for (int got = here; got < count; ) {
            int more = input.read(target, offset + got, count - got);
            if (more < 0) {
                throw new EOFException("the connection ended within a body");
            }
            got += more;
        }
    }

    private String take(int count) {
        @SuppressWarnings("deprecation") // high byte 0: what ISO 8859-1 means, without a decoder
        String text = new String(buffer, 0, start, count);
        start += count;
        return text;
    }
}
