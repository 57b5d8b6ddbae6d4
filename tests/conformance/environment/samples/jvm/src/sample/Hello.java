package sample;

import io.fission.Context;
import io.fission.Function;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** Answers hello to everything. */
public class Hello implements Function<RequestEntity<?>, ResponseEntity<?>> {
    @Override
    public ResponseEntity<?> call(RequestEntity<?> request, Context context) {
        return ResponseEntity.ok("hello");
    }
}
