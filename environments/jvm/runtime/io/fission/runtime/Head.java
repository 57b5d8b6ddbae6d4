// The head of a request: request line and header fields, read strictly. Pure.
package io.fission.runtime;

import java.util.ArrayList;
import java.util.List;

/**
 * A head whose framing is beyond doubt: two readers of the same bytes must not come to two bodies.
 *
 * @param method a token
 * @param target path and query
 * @param headers name and value in turn
 * @param length bytes of the body; -1 when it is chunked
 * @param keepAlive whether the connection goes on behind the answer
 * @param isNew whether the caller speaks HTTP/1.1
 */
record Head(
        String method,
        String target,
        List<String> headers,
        long length,
        boolean keepAlive,
        boolean expectsContinue,
        boolean isNew) {

    /** Reads a head that ends with an empty line; BadRequest says what is wrong with it. */
    static Head parse(String text) throws BadRequest {
        int end = text.indexOf("\r\n");
        int first = text.indexOf(' ');
        int last = text.lastIndexOf(' ', end);
        if (first <= 0 || last <= first || !isToken(text, 0, first)) {
            throw new BadRequest(400, "this is no HTTP request line");
        }
        String version = text.substring(last + 1, end);
        if (!version.equals("HTTP/1.1") && !version.equals("HTTP/1.0")) {
            throw new BadRequest(505, "the version is not HTTP/1.1");
        }
        String target = text.substring(first + 1, last);
        for (int index = 0; index < target.length(); index++) {
            if (target.charAt(index) <= ' ' || target.charAt(index) == 127) {
                throw new BadRequest(400, "the request target has a character that must be escaped");
            }
        }
        Fields fields = new Fields();
        for (int at = end + 2; at < text.length() - 2; ) {
            int next = text.indexOf("\r\n", at);
            fields.add(text, at, next);
            at = next + 2;
        }
        boolean isNew = version.equals("HTTP/1.1");
        if (isNew && fields.hosts != 1) {
            throw new BadRequest(400, "a request needs one Host, this has " + fields.hosts);
        }
        if (fields.chunked && (fields.length >= 0 || !isNew)) {
            throw new BadRequest(400, "a body has one framing: a length or chunks of HTTP/1.1");
        }
        boolean keepAlive = isNew ? !fields.close : fields.keepAlive && !fields.close;
        long length = fields.chunked ? -1 : Math.max(0, fields.length);
        return new Head(
                text.substring(0, first),
                target,
                fields.pairs,
                length,
                keepAlive,
                fields.expectsContinue && isNew,
                isNew);
    }

    private static boolean isToken(String text, int start, int end) {
        for (int index = start; index < end; index++) {
            char c = text.charAt(index);
            boolean alphanumeric =
                    c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
            if (!alphanumeric && "!#$%&'*+-.^_`|~".indexOf(c) < 0) {
                return false;
            }
        }
        return end > start;
    }

    /** Header fields, and what those among them say that concern the connection. */
    private static final class Fields {
        final List<String> pairs = new ArrayList<>(24);
        long length = -1;
        int hosts;
        boolean chunked;
        boolean close;
        boolean keepAlive;
        boolean expectsContinue;

        void add(String text, int start, int end) throws BadRequest {
            int colon = text.indexOf(':', start);
            if (colon < 0 || colon >= end || !isToken(text, start, colon)) {
                throw new BadRequest(400, "a header line is not of the form name: value");
            }
            String name = text.substring(start, colon);
            String value = text.substring(colon + 1, end).trim();
            for (int index = 0; index < value.length(); index++) {
                char c = value.charAt(index);
                if (c < ' ' && c != '\t' || c == 127) {
                    throw new BadRequest(400, "header " + name + " has a control character");
                }
            }
            pairs.add(name);
            pairs.add(value);
            note(name, value);
        }

        private void note(String name, String value) throws BadRequest {
            if (name.equalsIgnoreCase("Host")) {
                hosts++;
            } else if (name.equalsIgnoreCase("Content-Length")) {
                long found = number(value);
                if (length >= 0 && length != found) {
                    throw new BadRequest(400, "two values of Content-Length");
                }
                length = found;
            } else if (name.equalsIgnoreCase("Transfer-Encoding")) {
                if (chunked || !value.equalsIgnoreCase("chunked")) {
                    throw new BadRequest(501, "Transfer-Encoding other than one chunked");
                }
                chunked = true;
            } else if (name.equalsIgnoreCase("Connection")) {
                for (String word : value.split(",")) {
                    close |= word.strip().equalsIgnoreCase("close");
                    keepAlive |= word.strip().equalsIgnoreCase("keep-alive");
                }
            } else if (name.equalsIgnoreCase("Expect")) {
                expectsContinue = value.equalsIgnoreCase("100-continue");
            }
        }

        private static long number(String value) throws BadRequest {
            boolean digits = !value.isEmpty() && value.length() < 18;
            for (int index = 0; index < value.length(); index++) {
                digits &= value.charAt(index) >= '0' && value.charAt(index) <= '9';
            }
            if (!digits) {
                throw new BadRequest(400, "Content-Length is not a number");
            }
            return Long.parseLong(value);
        }
    }
}
