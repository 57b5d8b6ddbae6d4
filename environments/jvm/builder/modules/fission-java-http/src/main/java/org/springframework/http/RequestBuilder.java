// Writes requests, for tests of functions above all.
package org.springframework.http;

import java.net.URI;
import java.util.Arrays;
import java.util.stream.Collectors;

final class RequestBuilder implements RequestEntity.BodyBuilder {
    private final HttpMethod method;
    private final URI url;
    private final HttpHeaders headers = new HttpHeaders();

    RequestBuilder(HttpMethod method, URI url) {
        this.method = method;
        this.url = url;
    }

    @Override
    public RequestEntity.BodyBuilder header(String name, String... values) {
        headers.addAll(name, Arrays.asList(values));
        return this;
    }

    @Override
    public RequestEntity.BodyBuilder headers(HttpHeaders more) {
        headers.putAll(more);
        return this;
    }

    @Override
    public RequestEntity.BodyBuilder accept(MediaType... types) {
        String text =
                Arrays.stream(types).map(MediaType::toString).collect(Collectors.joining(", "));
        headers.set(HttpHeaders.ACCEPT, text);
        return this;
    }

    @Override
    public RequestEntity.BodyBuilder contentLength(long length) {
        headers.setContentLength(length);
        return this;
    }

    @Override
    public RequestEntity.BodyBuilder contentType(MediaType type) {
        headers.setContentType(type);
        return this;
    }

    @Override
    public RequestEntity<Void> build() {
        return new RequestEntity<>(headers, method, url);
    }

    @Override
    public <T> RequestEntity<T> body(T body) {
        return new RequestEntity<>(body, headers, method, url);
    }
}
