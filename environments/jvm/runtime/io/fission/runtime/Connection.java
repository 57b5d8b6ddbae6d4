// One connection: requests are read one after the other, answered, and then waited for.
package io.fission.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketTimeoutException;

/**
 * Serves one connection with blocking reads and writes on whichever thread calls {@link #serve}. A
 * connection that falls silent goes back to the server, and costs no thread while it waits.
 */
final class Connection {
    private static final int MAX_HEAD_BYTES = 64 * 1024;
    private static final int LINGER_MILLISECONDS = 50;
    private static final int HEAD_MILLISECONDS = 10_000;
    private static final int BODY_MILLISECONDS = 60_000;

    /** How long a read may take from here on. */
    interface Patience {
        void set(int milliseconds) throws IOException;
    }

    /** How serving ended. */
    enum End {
        /** The caller keeps the connection, and says nothing for the moment. */
        SILENT,
        CLOSED
    }

    private final Source source;
    private final Sink sink;
    private final Patience patience;
    private final Pod pod;
    private final long maxBodyBytes;

    Connection(
            InputStream input, OutputStream output, Patience patience, Pod pod, long maxBodyBytes) {
        this.source = new Source(input);
        this.sink = new Sink(output);
        this.patience = patience;
        this.pod = pod;
        this.maxBodyBytes = maxBodyBytes;
    }

    /** Answers requests until the caller is silent or gone. */
    End serve() throws IOException {
        while (true) {
            if (!source.hasBytes()) {
                try {
                    patience.set(LINGER_MILLISECONDS);
                    if (!source.fill()) {
                        return End.CLOSED;
                    }
                } catch (SocketTimeoutException silence) {
                    return End.SILENT;
                }
            }
            if (!answerOne()) {
                return End.CLOSED;
            }
        }
    }

    private boolean answerOne() throws IOException {
        Head head = null;
        try {
            patience.set(HEAD_MILLISECONDS);
            String text = source.head(MAX_HEAD_BYTES);
            if (text == null) {
                return false;
            }
            head = Head.parse(text);
            if (head.expectsContinue() && head.length() != 0) {
                sink.askForBody();
            }
            patience.set(BODY_MILLISECONDS);
            byte[] body = Body.read(source, head, maxBodyBytes);
            Request request = new Request(head.method(), head.target(), head.headers(), body);
            return pod.serve(request, head, sink);
        } catch (BadRequest refusal) {
            Answer answer = Answer.text(refusal.status, refusal.getMessage() + "\n");
            sink.write(answer, head, false);
            return false;
        } catch (SocketTimeoutException silence) {
            sink.write(Answer.text(408, "the request did not arrive in time\n"), head, false);
            return false;
        }
    }
}
