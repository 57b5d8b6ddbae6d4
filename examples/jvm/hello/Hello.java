import io.fission.Context;
import io.fission.Function;
import java.util.List;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** Greets whom the query names. */
public class Hello implements Function<RequestEntity<?>, ResponseEntity<?>> {
    @Override
    public ResponseEntity<?> call(RequestEntity<?> request, Context context) {
        List<String> names = context.query().getOrDefault("name", List.of("world"));
        return ResponseEntity.ok("Hello, " + String.join(" and ", names) + "!\n");
    }
}
