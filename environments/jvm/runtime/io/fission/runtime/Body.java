// Reads the body of a request, whatever its framing, up to a bound.
package io.fission.runtime;

import java.io.ByteArrayOutputStream;
import java.io.IOException;

final class Body {
    private static final int PIECE = 64 * 1024;
    private static final int MAX_LINE = 4096;
    private static final byte[] NOTHING = {};

    private Body() {}

    /** All of it; BadRequest 413 when it is longer than allowed. */
    static byte[] read(Source source, Head head, long limit) throws IOException {
        if (head.length() == 0) {
            return NOTHING;
        }
        if (head.length() > limit) {
            throw tooLong(limit);
        }
        return head.length() < 0
                ? readChunks(source, limit)
                : readExactly(source, (int) head.length());
    }

    private static byte[] readExactly(Source source, int length) throws IOException {
        if (length <= PIECE) {
            byte[] body = new byte[length];
            source.exactly(body, 0, length);
            return body;
        }
        // Memory is taken as bytes arrive: a length alone costs the caller nothing.
        byte[] body = new byte[PIECE];
        for (int got = 0; got < length; ) {
            int count = Math.min(body.length - got, length - got);
            source.exactly(body, got, count);
            got += count;
            if (got == body.length && got < length) {
                body = java.util.Arrays.copyOf(body, (int) Math.min(length, body.length * 2L));
            }
        }
        return body;
    }

    private static byte[] readChunks(Source source, long limit) throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        byte[] piece = new byte[8192];
        while (true) {
            long left = chunkLength(source.line(MAX_LINE));
            if (left == 0) {
                break;
            }
            if (body.size() + left > limit) {
                throw tooLong(limit);
            }
            while (left > 0) {
                int count = (int) Math.min(left, piece.length);
                source.exactly(piece, 0, count);
                body.write(piece, 0, count);
                left -= count;
            }
            if (!source.line(MAX_LINE).isEmpty()) {
                throw new BadRequest(400, "a chunk is longer than it says");
            }
        }
        for (int lines = 0; !source.line(MAX_LINE).isEmpty(); lines++) {
            if (lines > 64) {
                throw new BadRequest(431, "more than 64 trailers");
            }
        }
        return body.toByteArray();
    }

    private static long chunkLength(String line) throws BadRequest {
        int end = line.indexOf(';');
        String digits = (end < 0 ? line : line.substring(0, end)).strip();
        if (digits.isEmpty() || digits.length() > 12) {
            throw new BadRequest(400, "the length of a chunk is not a number");
        }
        long length = 0;
        for (int index = 0; index < digits.length(); index++) {
            int digit = Character.digit(digits.charAt(index), 16);
            if (digit < 0 || digits.charAt(index) > 'f') {
                throw new BadRequest(400, "the length of a chunk is not a number");
            }
            length = length * 16 + digit;
        }
        return length;
    }

    private static BadRequest tooLong(long limit) {
        return new BadRequest(413, "the body is longer than " + limit + " bytes");
    }
}
