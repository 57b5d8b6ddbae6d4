// Between the wire and the function: what a request's bytes mean, and what an answer's object is.
package io.fission.runtime;

import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.Charset;
import java.nio.charset.IllegalCharsetNameException;
import java.nio.charset.StandardCharsets;
import java.nio.charset.UnsupportedCharsetException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Pure: bytes and objects in, bytes and objects out. */
final class Exchange {
    private static final String URI_CHARACTERS = "-._~:/?#@!$&'()*+,;=";

    private Exchange() {}

    /** What a function is called with, as {@link Bridge} takes it; BadRequest for a bad body. */
    static Object[] makeCall(Request request, String name, String namespace) throws BadRequest {
        return new Object[] {
            request.method(),
            url(request),
            request.headers(),
            bodyOf(request),
            request.body(),
            parameters(request.query()),
            name,
            namespace,
        };
    }

    /** The answer of what the function returned; BadAnswer says what is wrong in it. */
    @SuppressWarnings("unchecked")
    static Answer makeAnswer(Object[] returned) throws BadAnswer {
        if (returned == null) {
            return new Answer(200, List.of(), new byte[0], null);
        }
        int status = (int) returned[0];
        if (status < 200 || status > 999) {
            throw new BadAnswer("status " + status + " is no final status");
        }
        List<String> headers = (List<String>) returned[1];
        for (int index = 0; index < headers.size(); index += 2) {
            checkHeader(headers.get(index), headers.get(index + 1));
        }
        Object body = returned[2];
        String type = find(headers, "Content-Type");
        if (body == null) {
            return new Answer(status, headers, new byte[0], null);
        } else if (body instanceof byte[] bytes) {
            return new Answer(status, typed(headers, "application/octet-stream"), bytes, null);
        } else if (body instanceof InputStream stream) {
            checkLength(headers);
            return new Answer(status, typed(headers, "application/octet-stream"), null, stream);
        } else if (body instanceof CharSequence text) {
            byte[] bytes = text.toString().getBytes(charset(type));
            return new Answer(status, typed(headers, "text/plain;charset=UTF-8"), bytes, null);
        }
        try {
            byte[] bytes = Json.write(body).getBytes(StandardCharsets.UTF_8);
            return new Answer(status, typed(headers, "application/json"), bytes, null);
        } catch (Json.BadJson error) {
            throw new BadAnswer("the body of the answer cannot be sent: "
                    + error.getMessage() + "; return text, bytes, an InputStream, or a map, list or "
                    + "record of such values");
        }
    }

    private static URI url(Request request) throws BadRequest {
        String target = request.target();
        String host = request.header("Host");
        String start = target.startsWith("/") ? "http://" + (host == null ? "" : host) : "";
        try {
            return new URI(start + escape(target));
        } catch (URISyntaxException error) {
            throw new BadRequest(400, "the request's target or Host is no URL: "
                    + error.getMessage());
        }
    }

    /** Escapes what java.net.URI does not take although callers send it. */
    private static String escape(String target) {
        StringBuilder text = null;
        for (int index = 0; index < target.length(); index++) {
            char c = target.charAt(index);
            boolean plain = c < 128 && (Character.isLetterOrDigit(c)
                    || URI_CHARACTERS.indexOf(c) >= 0
                    || c == '%' && isEscape(target, index));
            if (!plain && text == null) {
                text = new StringBuilder(target.substring(0, index));
            }
            if (!plain) {
                text.append(String.format("%%%02X", (int) c));
            } else if (text != null) {
                text.append(c);
            }
        }
        return text == null ? target : text.toString();
    }

    private static boolean isEscape(String target, int index) {
        return index + 2 < target.length()
                && Character.digit(target.charAt(index + 1), 16) >= 0
                && Character.digit(target.charAt(index + 2), 16) >= 0;
    }

    private static Object bodyOf(Request request) throws BadRequest {
        if (request.body().length == 0) {
            return null;
        }
        String given = request.header("Content-Type");
        String type = given == null ? "" : given.toLowerCase(Locale.ROOT);
        int end = type.indexOf(';');
        String kind = (end < 0 ? type : type.substring(0, end)).strip();
        if (kind.equals("application/json") || kind.endsWith("+json")) {
            try {
                return Json.parse(request.body());
            } catch (Json.BadJson error) {
                throw new BadRequest(400, "the body is not JSON: " + error.getMessage());
            }
        }
        boolean isText = kind.startsWith("text/")
                || kind.equals("application/x-www-form-urlencoded")
                || kind.equals("application/xml")
                || kind.endsWith("+xml");
        return isText ? new String(request.body(), charset(type)) : request.body();
    }

    private static Map<String, List<String>> parameters(String query) {
        if (query.isEmpty()) {
            return Map.of();
        }
        Map<String, List<String>> found = new LinkedHashMap<>();
        for (String pair : query.split("&")) {
            int equals = pair.indexOf('=');
            String name = decode(equals < 0 ? pair : pair.substring(0, equals));
            String value = equals < 0 ? "" : decode(pair.substring(equals + 1));
            if (!pair.isEmpty()) {
                found.computeIfAbsent(name, absent -> new ArrayList<>(1)).add(value);
            }
        }
        return found;
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException malformed) {
            return text;
        }
    }

    private static Charset charset(String type) {
        int at = type == null ? -1 : type.toLowerCase(Locale.ROOT).indexOf("charset=");
        if (at < 0) {
            return StandardCharsets.UTF_8;
        }
        String name = type.substring(at + 8).split(";")[0].replace("\"", "").strip();
        try {
            return Charset.forName(name);
        } catch (IllegalCharsetNameException | UnsupportedCharsetException unknown) {
            return StandardCharsets.UTF_8;
        }
    }

    private static String find(List<String> headers, String name) {
        for (int index = 0; index < headers.size(); index += 2) {
            if (headers.get(index).equalsIgnoreCase(name)) {
                return headers.get(index + 1);
            }
        }
        return null;
    }

    private static List<String> typed(List<String> headers, String type) {
        if (find(headers, "Content-Type") != null) {
            return headers;
        }
        List<String> more = new ArrayList<>(headers);
        more.add("Content-Type");
        more.add(type);
        return more;
    }

    private static void checkHeader(String name, String value) throws BadAnswer {
        boolean good = !name.isEmpty() && value != null;
        for (int index = 0; good && index < name.length(); index++) {
            char c = name.charAt(index);
            good = c > ' ' && c < 127 && "\"(),/:;<=>?@[\\]{}".indexOf(c) < 0;
        }
        for (int index = 0; good && index < value.length(); index++) {
            char c = value.charAt(index);
            good = (c >= ' ' || c == '\t') && c != 127 && c < 256;
        }
        if (!good) {
            throw new BadAnswer("header \"" + name
                    + "\" of the answer has a character that headers cannot hold, or no value");
        }
    }

    private static void checkLength(List<String> headers) throws BadAnswer {
        String length = find(headers, "Content-Length");
        if (length != null && !length.matches("[0-9]{1,18}")) {
            throw new BadAnswer("Content-Length \"" + length + "\" is no number");
        }
    }
}
