// What a function's entry class implements.
package io.fission;

import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/**
 * A function. Its class needs a public constructor without parameters, which is called once, and is
 * named by the entry point. Calls come from many threads at once, up to the function's requests per
 * pod. A function that is also {@link AutoCloseable} is closed when its pod ends in good order.
 *
 * @param <I> a word for readers: the request's type
 * @param <O> a word for readers: the answer's type
 */
public interface Function<I, O> {
    /**
     * Answers one request.
     *
     * @param request method, URL and headers; its body is null when empty, what JSON says (a map, a
     *     list, text, a number) for a JSON content type, text for text and forms, else bytes
     * @param context what surrounds the call
     * @return status, headers and a body of text, bytes, an {@link java.io.InputStream} that is sent
     *     as it is read, or what JSON can say; null is an empty answer with status 200
     * @throws Exception whatever fails: the caller is told 500, the log has the stack trace
     */
    ResponseEntity<?> call(RequestEntity<?> request, Context context) throws Exception;
}
