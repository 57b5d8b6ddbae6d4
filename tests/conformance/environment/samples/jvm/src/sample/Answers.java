package sample;

import io.fission.Context;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.springframework.http.MediaType;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** The longer answers. */
final class Answers {
    private Answers() {}

    static String describe(RequestEntity<?> request) {
        String query = request.getUrl().getRawQuery();
        StringBuilder text = new StringBuilder();
        text.append(request.getMethod()).append(' ').append(request.getUrl().getRawPath());
        text.append(query == null ? "" : "?" + query).append('\n');
        request.getHeaders()
                .forEach((name, values) -> values.forEach(value ->
                        text.append(name.toLowerCase(Locale.ROOT) + ": " + value + "\n")));
        return text.toString();
    }

    static ResponseEntity<?> teapot() {
        return ResponseEntity.status(418)
                .header("X-Sample", "yes")
                .contentType(new MediaType("text", "x-sample"))
                .body("teapot");
    }

    static void sleep(Context context) throws InterruptedException {
        Thread.sleep(Long.parseLong(new String(context.body(), StandardCharsets.UTF_8)));
    }

    static String variable(Context context) {
        String value = System.getenv(new String(context.body(), StandardCharsets.UTF_8));
        return value == null ? "" : value;
    }

    static InputStream pieces(Context context) {
        InputStream late = new FilterInputStream(text("two\n")) {
            private boolean waited;

            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                if (!waited) {
                    waited = true;
                    try {
                        sleep(context);
                    } catch (InterruptedException error) {
                        throw new InterruptedIOException();
                    }
                }
                return super.read(target, offset, length);
            }
        };
        return new SequenceInputStream(text("one\n"), late);
    }

    private static InputStream text(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }
}
