// An answer: status, headers and body.
package org.springframework.http;

import java.net.URI;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.springframework.util.MultiValueMap;

/**
 * An answer.
 *
 * @param <T> type of the body
 */
public class ResponseEntity<T> extends HttpEntity<T> {
    private final HttpStatusCode status;

    /** A status alone. */
    public ResponseEntity(HttpStatusCode status) {
        this(null, (MultiValueMap<String, String>) null, status);
    }

    /** A status and a body. */
    public ResponseEntity(T body, HttpStatusCode status) {
        this(body, (MultiValueMap<String, String>) null, status);
    }

    /** A status and headers. */
    public ResponseEntity(MultiValueMap<String, String> headers, HttpStatusCode status) {
        this(null, headers, status);
    }

    /** A whole answer with any status. */
    public ResponseEntity(T body, MultiValueMap<String, String> headers, int status) {
        this(body, headers, HttpStatusCode.valueOf(status));
    }

    /** A whole answer. */
    public ResponseEntity(
            T body, MultiValueMap<String, String> headers, HttpStatusCode status) {
        super(body, headers);
        this.status = Objects.requireNonNull(status, "status");
    }

    // The same with other types: what programs look for that were compiled with Spring 5, whose
    // status is an HttpStatus, or with Spring 7, whose HttpHeaders are no MultiValueMap.

    /** A status alone. */
    public ResponseEntity(HttpStatus status) {
        this((HttpStatusCode) status);
    }

    /** A status and a body. */
    public ResponseEntity(T body, HttpStatus status) {
        this(body, (HttpStatusCode) status);
    }

    /** A status and headers. */
    public ResponseEntity(MultiValueMap<String, String> headers, HttpStatus status) {
        this(headers, (HttpStatusCode) status);
    }

    /** A whole answer. */
    public ResponseEntity(T body, MultiValueMap<String, String> headers, HttpStatus status) {
        this(body, headers, (HttpStatusCode) status);
    }

    /** A status and headers. */
    public ResponseEntity(HttpHeaders headers, HttpStatusCode status) {
        this((MultiValueMap<String, String>) headers, status);
    }

    /** A status and headers. */
    public ResponseEntity(HttpHeaders headers, HttpStatus status) {
        this((MultiValueMap<String, String>) headers, (HttpStatusCode) status);
    }

    /** A whole answer. */
    public ResponseEntity(T body, HttpHeaders headers, HttpStatusCode status) {
        this(body, (MultiValueMap<String, String>) headers, status);
    }

    /** A whole answer. */
    public ResponseEntity(T body, HttpHeaders headers, HttpStatus status) {
        this(body, (MultiValueMap<String, String>) headers, (HttpStatusCode) status);
    }

    /** A whole answer with any status. */
    public ResponseEntity(T body, HttpHeaders headers, int status) {
        this(body, headers, HttpStatusCode.valueOf(status));
    }

    /** The status. */
    public HttpStatusCode getStatusCode() {
        return status;
    }

    /** The status as a number. */
    public int getStatusCodeValue() {
        return status.value();
    }

    /** Begins an answer with this status. */
    public static BodyBuilder status(HttpStatusCode status) {
        return new ResponseBuilder(status);
    }

    /** Begins an answer with this status. */
    public static BodyBuilder status(HttpStatus status) {
        return new ResponseBuilder(status);
    }

    /** Begins an answer with this status. */
    public static BodyBuilder status(int status) {
        return new ResponseBuilder(HttpStatusCode.valueOf(status));
    }

    /** Begins an answer with status 200. */
    public static BodyBuilder ok() {
        return status(HttpStatus.OK);
    }

    /** Status 200 and a body. */
    public static <T> ResponseEntity<T> ok(T body) {
        return ok().body(body);
    }

    /** Status 200 with the body if there is one, otherwise 404. */
    public static <T> ResponseEntity<T> of(Optional<T> body) {
        return body.map(ResponseEntity::ok).orElseGet(() -> notFound().build());
    }

    /** Begins an answer with status 201 and the place of what was created. */
    public static BodyBuilder created(URI location) {
        return status(HttpStatus.CREATED).location(location);
    }

    /** Begins an answer with status 202. */
    public static BodyBuilder accepted() {
        return status(HttpStatus.ACCEPTED);
    }

    /** Begins an answer with status 204. */
    public static HeadersBuilder<?> noContent() {
        return status(HttpStatus.NO_CONTENT);
    }

    /** Begins an answer with status 400. */
    public static BodyBuilder badRequest() {
        return status(HttpStatus.BAD_REQUEST);
    }

    /** Begins an answer with status 404. */
    public static HeadersBuilder<?> notFound() {
        return status(HttpStatus.NOT_FOUND);
    }

    /** Begins an answer with status 422. */
    public static BodyBuilder unprocessableEntity() {
        return status(HttpStatus.UNPROCESSABLE_ENTITY);
    }

    /** Begins an answer with status 500. */
    public static BodyBuilder internalServerError() {
        return status(HttpStatus.INTERNAL_SERVER_ERROR);
    }

    @Override
    public boolean equals(Object other) {
        return super.equals(other) && status.equals(((ResponseEntity<?>) other).status);
    }

    @Override
    public int hashCode() {
        return 31 * super.hashCode() + status.hashCode();
    }

    @Override
    public String toString() {
        return "<" + status + "," + super.toString() + ">";
    }

    /**
     * An answer whose headers are being written.
     *
     * @param <B> the builder itself
     */
    public interface HeadersBuilder<B extends HeadersBuilder<B>> {
        /** Adds values of a header. */
        B header(String name, String... values);

        /** Adds headers. */
        B headers(HttpHeaders headers);

        /** Has the headers written by the consumer. */
        B headers(Consumer<HttpHeaders> writer);

        /** Sets the version of what is answered; quotes are added. */
        B eTag(String tag);

        /** Sets where to look instead. */
        B location(URI location);

        /** The answer without a body. */
        <T> ResponseEntity<T> build();
    }

    /** An answer whose headers and body are being written. */
    public interface BodyBuilder extends HeadersBuilder<BodyBuilder> {
        /** Sets the length of the body in bytes. */
        BodyBuilder contentLength(long length);

        /** Sets the type of the body. */
        BodyBuilder contentType(MediaType type);

        /** The answer with this body. */
        <T> ResponseEntity<T> body(T body);
    }
}
