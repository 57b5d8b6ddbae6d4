// The one place that knows the types of a function's signature.
package io.fission.runtime;

import io.fission.Context;
import io.fission.Function;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;
import org.springframework.util.MultiValueMap;

/**
 * Calls a function with values of the JDK alone on this side. A package that carries Spring's own
 * classes has this class loaded a second time, beside them: what it says of requests and answers is
 * therefore no more than what all versions of these types have in common.
 */
public final class Bridge implements java.util.function.Function<Object[], Object[]> {
    private final Function<?, ?> function;

    /** Public as its loader may be another one: packages of two loaders are two packages. */
    public Bridge(Object function) {
        this.function = (Function<?, ?>) function;
    }

    /** Whether a class is one of a function, as this loader knows it. */
    public static boolean isFunction(Class<?> type) {
        return Function.class.isAssignableFrom(type);
    }

    /**
     * Calls the function.
     *
     * @param call method, URL, headers (name and value in turn), body, body's bytes, query, name and
     *     namespace of the function
     * @return status, headers and body; null when the function returned null
     */
    @Override
    @SuppressWarnings("unchecked")
    public Object[] apply(Object[] call) {
        HttpHeaders headers = new HttpHeaders();
        List<String> pairs = (List<String>) call[2];
        for (int index = 0; index < pairs.size(); index += 2) {
            headers.add(pairs.get(index), pairs.get(index + 1));
        }
        HttpMethod method = HttpMethod.valueOf((String) call[0]);
        RequestEntity<?> request = makeRequest(call[3], headers, method, (URI) call[1]);
        Context context =
                new Call((byte[]) call[4], (Map<String, List<String>>) call[5], call[6], call[7]);
        ResponseEntity<?> answer;
        try {
            answer = function.call(request, context);
        } catch (Exception error) {
            throw Bridge.<RuntimeException>asItIs(error);
        }
        if (answer == null) {
            return null;
        }
        List<String> written = new ArrayList<>();
        answer.getHeaders()
                .forEach((name, values) -> {
                    for (String value : values) {
                        written.add(name);
                        written.add(value);
                    }
                });
        return new Object[] {statusOf(answer), written, answer.getBody()};
    }

    private static RequestEntity<?> makeRequest(
            Object body, HttpHeaders headers, HttpMethod method, URI url) {
        try {
            return new RequestEntity<>(body, headers, method, url);
        } catch (NoSuchMethodError older) { // before Spring 7 headers are a map of lists
            MultiValueMap<String, String> map = headers;
            return new RequestEntity<>(body, map, method, url);
        }
    }

    private static int statusOf(ResponseEntity<?> answer) {
        try {
            return answer.getStatusCode().value();
        } catch (NoSuchMethodError older) {
            return answer.getStatusCodeValue(); // Spring 5, whose status is of another type
        }
    }

    @SuppressWarnings("unchecked")
    private static <E extends Exception> E asItIs(Exception error) throws E {
        throw (E) error;
    }

    private record Call(
            byte[] body, Map<String, List<String>> query, Object name, Object namespace)
            implements Context {
        @Override
        public String functionName() {
            return (String) name;
        }

        @Override
        public String functionNamespace() {
            return (String) namespace;
        }
    }
}
