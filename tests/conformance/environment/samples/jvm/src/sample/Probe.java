package sample;

import io.fission.Context;
import io.fission.Function;
import java.io.IOException;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** Answers what the promises ask, by path. */
public class Probe implements Function<RequestEntity<?>, ResponseEntity<?>> {
    @Override
    public ResponseEntity<?> call(RequestEntity<?> request, Context context)
            throws IOException, InterruptedException {
        switch (request.getUrl().getPath()) {
            case "/echo":
                return ResponseEntity.ok(context.body());
            case "/request":
                return ResponseEntity.ok(Answers.describe(request));
            case "/status":
                return Answers.teapot();
            case "/empty":
                return ResponseEntity.ok().build();
            case "/error":
                throw new IllegalStateException("sample failure");
            case "/big":
                return ResponseEntity.ok("x".repeat(1048576));
            case "/slow":
                System.err.println("started");
                Answers.sleep(context);
                return ResponseEntity.ok("slept");
            case "/stream":
                return ResponseEntity.ok(Answers.pieces(context));
            case "/env":
                return ResponseEntity.ok(Answers.variable(context));
            case "/log":
                System.out.println("to stdout");
                System.err.println("to stderr");
                return ResponseEntity.ok("logged");
            default:
                return ResponseEntity.ok("hello");
        }
    }
}
