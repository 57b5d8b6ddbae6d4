package special;

import io.fission.Context;
import io.fission.Function;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** What is of Java alone, by path. Written as for Fission's first JVM environment: raw types. */
public class Special implements Function, AutoCloseable {
    record Point(int x, double y, List<String> tags) {}

    static final class Opaque {}

    @Override
    public ResponseEntity<?> call(RequestEntity req, Context context) throws Exception {
        switch (req.getUrl().getPath()) {
            case "/type":
                Object body = req.getBody();
                return ResponseEntity.ok(body == null ? "null" : body.getClass().getSimpleName());
            case "/json":
                return ResponseEntity.ok(req.getBody());
            case "/record":
                return ResponseEntity.ok(Map.of("point", new Point(1, 2.5, List.of("a\"b", "é"))));
            case "/number":
                return ResponseEntity.ok(new BigDecimal("1E+3"));
            case "/opaque":
                return ResponseEntity.ok(new Opaque());
            case "/query":
                return ResponseEntity.ok(context.query());
            case "/who":
                return ResponseEntity.ok(context.functionNamespace() + "/" + context.functionName());
            case "/null":
                return null;
            case "/header":
                HttpHeaders headers = new HttpHeaders();
                headers.add("X-One", "a");
                headers.add("x-one", "b");
                headers.add("Transfer-Encoding", "gzip");
                return new ResponseEntity<>("text", headers, HttpStatus.NON_AUTHORITATIVE_INFORMATION);
            case "/split":
                return ResponseEntity.ok().header("X-Bad", "a\r\nX-Worse: b").body("");
            case "/none":
                return ResponseEntity.noContent().build();
            case "/memory":
                return ResponseEntity.ok(new byte[Integer.MAX_VALUE - 16].length);
            case "/loader":
                return ResponseEntity.ok(
                        RequestEntity.class.getClassLoader() == getClass().getClassLoader());
            case "/thread":
                ClassLoader own = Thread.currentThread().getContextClassLoader();
                return ResponseEntity.ok(own == getClass().getClassLoader());
            case "/start":
                return ResponseEntity.ok(descriptorsOfAProgram());
            default:
                throw new AssertionError(req.getUrl());
        }
    }

    private static int descriptorsOfAProgram() throws Exception {
        String script = "ls -l /proc/self/fd >&2";
        return new ProcessBuilder("sh", "-c", script).inheritIO().start().waitFor();
    }

    @Override
    public void close() {
        System.err.println("closed");
    }
}
