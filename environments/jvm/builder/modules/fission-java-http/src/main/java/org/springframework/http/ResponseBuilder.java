// Writes answers.
package org.springframework.http;

import java.net.URI;
import java.util.Arrays;
import java.util.function.Consumer;

final class ResponseBuilder implements ResponseEntity.BodyBuilder {
    private final HttpStatusCode status;
    private final HttpHeaders headers = new HttpHeaders();

    ResponseBuilder(HttpStatusCode status) {
        this.status = status;
    }

    @Override
    public ResponseEntity.BodyBuilder header(String name, String... values) {
        headers.addAll(name, Arrays.asList(values));
        return this;
    }

    @Override
    public ResponseEntity.BodyBuilder headers(HttpHeaders more) {
        if (more != null) {
            headers.putAll(more);
        }
        return this;
    }

    @Override
    public ResponseEntity.BodyBuilder headers(Consumer<HttpHeaders> writer) {
        writer.accept(headers);
        return this;
    }

    @Override
    public ResponseEntity.BodyBuilder eTag(String tag) {
        boolean quoted = tag == null || tag.startsWith("\"") || tag.startsWith("W/\"");
        headers.setETag(quoted ? tag : "\"" + tag + "\"");
        return this;
    }

    @Override
    public ResponseEntity.BodyBuilder location(URI location) {
        headers.setLocation(location);
        return this;
    }

    @Override
    public ResponseEntity.BodyBuilder contentLength(long length) {
        headers.setContentLength(length);
        return this;
    }

    @Override
    public ResponseEntity.BodyBuilder contentType(MediaType type) {
        headers.setContentType(type);
        return this;
    }

    @Override
    public <T> ResponseEntity<T> build() {
        return body(null);
    }

    @Override
    public <T> ResponseEntity<T> body(T body) {
        return new ResponseEntity<>(body, headers, status);
    }
}
