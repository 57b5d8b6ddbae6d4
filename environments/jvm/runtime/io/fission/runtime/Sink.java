// Writes answers to a connection.
package io.fission.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

final class Sink {
    private static final int PIECE = 16 * 1024;
    private static final byte[] LAST_CHUNK = "0\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1);
    private static final byte[] CONTINUE =
            "HTTP/1.1 100 Continue\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1);

    private final OutputStream output;

    Sink(OutputStream output) {
        this.output = output;
    }

    /** Asks for the body that the caller holds back. */
    void askForBody() throws IOException {
        output.write(CONTINUE);
    }

    /**
     * Writes an answer whole, or its stream piece by piece as it comes.
     *
     * @param head the request's; null when it could not be read
     * @return whether the connection may go on
     */
    boolean write(Answer answer, Head head, boolean keepAlive) throws IOException {
        boolean isHead = head != null && head.method().equals("HEAD");
        boolean bodiless = answer.status() / 100 == 1 || answer.status() == 204
                || answer.status() == 304;
        long given = answer.stream() == null ? answer.bytes().length : lengthOf(answer.headers());
        boolean chunked = given < 0 && !bodiless && (head == null || head.isNew());
        boolean goesOn = keepAlive && (given >= 0 || chunked || bodiless);
        StringBuilder text = new StringBuilder(256);
        text.append("HTTP/1.1 ").append(answer.status()).append(' ').append("\r\n");
        appendHeaders(text, answer.headers());
        if (chunked) {
            text.append("Transfer-Encoding: chunked\r\n");
        } else if (!bodiless && given >= 0) {
            text.append("Content-Length: ").append(given).append("\r\n");
        }
        if (!goesOn) {
            text.append("Connection: close\r\n");
        } else if (head != null && !head.isNew()) {
            text.append("Connection: keep-alive\r\n");
        }
        byte[] start = text.append("\r\n").toString().getBytes(StandardCharsets.UTF_8);
        if (isHead || bodiless) {
            output.write(start);
        } else if (answer.stream() == null) {
            writeTogether(start, answer.bytes());
        } else {
            output.write(start);
            pass(answer.stream(), chunked, given);
        }
        return goesOn;
    }

    private static void appendHeaders(StringBuilder text, List<String> headers) {
        for (int index = 0; index < headers.size(); index += 2) {
            String name = headers.get(index);
            if (!isFraming(name)) {
                text.append(name).append(": ").append(headers.get(index + 1)).append("\r\n");
            }
        }
    }

    /** What only the writer of the bytes can know. */
    private static boolean isFraming(String name) {
        return name.equalsIgnoreCase("Content-Length")
                || name.equalsIgnoreCase("Transfer-Encoding")
                || name.equalsIgnoreCase("Connection")
                || name.equalsIgnoreCase("Keep-Alive");
    }

    private static long lengthOf(List<String> headers) {
        for (int index = 0; index < headers.size(); index += 2) {
            if (headers.get(index).equalsIgnoreCase("Content-Length")) {
                return Long.parseLong(headers.get(index + 1));
            }
        }
        return -1;
    }

    /** Small answers leave in one packet. */
    private void writeTogether(byte[] start, byte[] body) throws IOException {
        if (body.length > PIECE) {
            output.write(start);
            output.write(body);
            return;
        }
        byte[] whole = java.util.Arrays.copyOf(start, start.length + body.length);
        System.arraycopy(body, 0, whole, start.length, body.length);
        output.write(whole);
    }

    private void pass(InputStream stream, boolean chunked, long given) throws IOException {
        byte[] piece = new byte[PIECE];
        long left = given < 0 ? Long.MAX_VALUE : given;
        while (left > 0) {
            int count;
            try {
                count = stream.read(piece, 0, (int) Math.min(piece.length, left));
            } catch (IOException error) {
                throw new CutShort("the answer's stream failed: " + error, error);
            }
            if (count < 0) {
                break;
            }
            if (count == 0) {
                continue;
            }
            left -= count;
            if (chunked) {
                String length = Integer.toHexString(count) + "\r\n";
                byte[] start = length.getBytes(StandardCharsets.ISO_8859_1);
                byte[] whole = java.util.Arrays.copyOf(start, start.length + count + 2);
                System.arraycopy(piece, 0, whole, start.length, count);
                whole[whole.length - 2] = '\r';
                whole[whole.length - 1] = '\n';
                output.write(whole);
            } else {
                output.write(piece, 0, count);
            }
        }
        if (given >= 0 && left > 0) {
            throw new CutShort("the answer's stream ended " + left + " bytes early", null);
        }
        if (chunked) {
            output.write(LAST_CHUNK);
        }
    }

    /** The function's stream broke its word: the connection must end so that the caller sees it. */
    static final class CutShort extends IOException {
        private static final long serialVersionUID = 1;

        CutShort(String reason, Throwable cause) {
            super(reason, cause);
        }
    }
}
