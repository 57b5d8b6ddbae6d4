// The function of the rehearsal: a package of its own, as a user's would be.
package io.fission.rehearsal;

import io.fission.Context;
import io.fission.Function;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** Touches what functions commonly touch, and says nothing. */
public final class Nothing implements Function<RequestEntity<?>, ResponseEntity<?>> {
    private final Map<String, Integer> counts = new ConcurrentHashMap<>();

    @Override
    public ResponseEntity<?> call(RequestEntity<?> request, Context context) {
        if (request.getBody() == null) {
            String host = request.getHeaders().getFirst(HttpHeaders.HOST);
            String text = "Hello, " + host + ", for the " + counts.merge(host, 1, Integer::sum);
            String words = Stream.of(text.split(" ")).map(word -> word + " ").sorted()
                    .collect(Collectors.joining(", "));
            return ResponseEntity.ok().contentType(MediaType.TEXT_PLAIN).body(words);
        }
        return ResponseEntity.ok(Map.of("body", String.format("%s%d", "empty", 1)));
    }
}
