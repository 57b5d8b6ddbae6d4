// JSON as maps, lists, texts, numbers, booleans and null, read strictly and written. Pure.
package io.fission.runtime;

import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Whole numbers are read as Integer, Long or BigInteger, whichever fits; others as Double. */
final class Json {
    private static final int MAX_DEPTH = 256;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /** The text is not JSON, or a value cannot be said in it; the message says where and why. */
    static final class BadJson extends Exception {
        private static final long serialVersionUID = 1;

        BadJson(String reason) {
            super(reason);
        }
    }

    /** Reads UTF-8. */
    static Object parse(byte[] bytes) throws BadJson {
        try {
            return parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes))
                    .toString());
        } catch (CharacterCodingException error) {
            throw new BadJson("it is not UTF-8");
        }
    }

    static Object parse(String text) throws BadJson {
        Json reader = new Json(text);
        Object value = reader.value();
        reader.space();
        if (reader.at < text.length()) {
            throw reader.unexpected();
        }
        return value;
    }

    private Object value() throws BadJson {
        space();
        switch (peek()) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                return word("true", true);
            case 'f':
                return word("false", false);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object() throws BadJson {
        enter();
        Map<String, Object> members = new LinkedHashMap<>();
        space();
        if (peek() == '}') {
            at++;
        } else {
            do {
                space();
                String name = string();
                space();
                expect(':');
                members.put(name, value());
                space();
            } while (another('}'));
        }
        depth--;
        return members;
    }

    private List<Object> array() throws BadJson {
        enter();
        List<Object> items = new ArrayList<>();
        space();
        if (peek() == ']') {
            at++;
        } else {
            do {
                items.add(value());
                space();
            } while (another(']'));
        }
        depth--;
        return items;
    }

    private void enter() throws BadJson {
        at++;
        if (++depth > MAX_DEPTH) {
            throw new BadJson("it is nested more than " + MAX_DEPTH + " deep");
        }
    }

    private boolean another(char end) throws BadJson {
        if (peek() == end) {
            at++;
            return false;
        }
        expect(',');
        return true;
    }

    private String string() throws BadJson {
        expect('"');
        int start = at;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '"') {
                return text.substring(start, at++);
            }
            if (c == '\\') {
                return escaped(new StringBuilder(text.substring(start, at)));
            }
            if (c < ' ') {
                throw unexpected();
            }
            at++;
        }
        throw unexpected();
    }

    private String escaped(StringBuilder found) throws BadJson {
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '"') {
                return found.toString();
            }
            if (c < ' ') {
                at--;
                throw unexpected();
            }
            if (c == '\\') {
                c = escape();
            }
            found.append(c);
        }
        throw unexpected();
    }

    private char escape() throws BadJson {
        char c = peek();
        at++;
        switch (c) {
            case '"':
            case '\\':
            case '/':
                return c;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                int code = 0;
                for (int index = 0; index < 4; index++) {
                    int digit = Character.digit(peek(), 16);
                    if (digit < 0) {
                        throw unexpected();
                    }
                    code = code * 16 + digit;
                    at++;
                }
                return (char) code;
            default:
                at--;
                throw unexpected();
        }
    }

    private Object word(String word, Object value) throws BadJson {
        if (!text.startsWith(word, at)) {
            throw unexpected();
        }
        at += word.length();
        return value;
    }

    private Object number() throws BadJson {
        int start = at;
        skip('-');
        int digits = at;
        digits();
        if (text.charAt(digits) == '0' && at > digits + 1) {
            at = digits + 1;
            throw unexpected();
        }
        boolean whole = true;
        if (skip('.')) {
            whole = false;
            digits();
        }
        if (skip('e') || skip('E')) {
            whole = false;
            if (!skip('+')) {
                skip('-');
            }
            digits();
        }
        String found = text.substring(start, at);
        if (!whole) {
            return Double.valueOf(found);
        }
        if (found.length() > 18) {
            return new BigInteger(found);
        }
        long value = Long.parseLong(found);
        if (value == (int) value) {
            return (int) value;
        }
        return value;
    }

    private boolean skip(char wanted) {
        boolean found = at < text.length() && text.charAt(at) == wanted;
        if (found) {
            at++;
        }
        return found;
    }

    private void digits() throws BadJson {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == start) {
            throw unexpected();
        }
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private void expect(char wanted) throws BadJson {
        if (peek() != wanted) {
            throw unexpected();
        }
        at++;
    }

    private char peek() throws BadJson {
        if (at >= text.length()) {
            throw unexpected();
        }
        return text.charAt(at);
    }

    private BadJson unexpected() {
        if (at >= text.length()) {
            return new BadJson("it ends too early");
        }
        return new BadJson("unexpected '" + text.charAt(at) + "' at character " + at);
    }

    // -- writing --------------------------------------------------------------------------------

    /** Writes maps, lists, arrays, texts, numbers, booleans, enumerations, records and null. */
    static String write(Object value) throws BadJson {
        StringBuilder text = new StringBuilder();
        write(value, text, 0);
        return text.toString();
    }

    private static void write(Object value, StringBuilder text, int depth) throws BadJson {
        if (depth > MAX_DEPTH) {
            throw new BadJson("it is nested more than " + MAX_DEPTH + " deep, or holds itself");
        }
        if (value == null || value instanceof Boolean) {
            text.append(value);
        } else if (value instanceof CharSequence || value instanceof Character
                || value instanceof Enum) {
            quote(value instanceof Enum<?> one ? one.name() : value.toString(), text);
        } else if (value instanceof Number number) {
            writeNumber(number, text);
        } else if (value instanceof Map<?, ?> map) {
            writeMembers(map, text, depth);
        } else if (value instanceof Iterable<?> items) {
            writeItems(items, text, depth);
        } else if (value instanceof Object[] items) {
            writeItems(java.util.Arrays.asList(items), text, depth);
        } else if (value.getClass().isRecord()) {
            writeMembers(components(value), text, depth);
        } else if (value.getClass().isArray()) {
            List<Object> items = new ArrayList<>();
            for (int index = 0; index < java.lang.reflect.Array.getLength(value); index++) {
                items.add(java.lang.reflect.Array.get(value, index));
            }
            writeItems(items, text, depth);
        } else {
            throw new BadJson("an object of " + value.getClass().getName() + " has no form in JSON");
        }
    }

    private static void writeNumber(Number number, StringBuilder text) throws BadJson {
        boolean finite = !(number instanceof Double || number instanceof Float)
                || Double.isFinite(number.doubleValue());
        if (!finite) {
            throw new BadJson("the number " + number + " has no form in JSON");
        }
        text.append(number instanceof BigDecimal big ? big.toPlainString() : number.toString());
    }

    private static void writeMembers(Map<?, ?> map, StringBuilder text, int depth) throws BadJson {
        char before = '{';
        for (Map.Entry<?, ?> member : map.entrySet()) {
            text.append(before);
            quote(String.valueOf(member.getKey()), text);
            text.append(':');
            write(member.getValue(), text, depth + 1);
            before = ',';
        }
        text.append(before == '{' ? "{}" : "}");
    }

    private static void writeItems(Iterable<?> items, StringBuilder text, int depth)
            throws BadJson {
        char before = '[';
        for (Object item : items) {
            text.append(before);
            write(item, text, depth + 1);
            before = ',';
        }
        text.append(before == '[' ? "[]" : "]");
    }

    private static Map<String, Object> components(Object value) throws BadJson {
        Map<String, Object> members = new LinkedHashMap<>();
        for (RecordComponent component : value.getClass().getRecordComponents()) {
            try {
                component.getAccessor().setAccessible(true);
                members.put(component.getName(), component.getAccessor().invoke(value));
            } catch (ReflectiveOperationException | RuntimeException error) {
                throw new BadJson("component " + component.getName() + " of "
                        + value.getClass().getName() + " cannot be read: " + error);
            }
        }
        return members;
    }

    private static void quote(String value, StringBuilder text) {
        text.append('"');
        for (int index = 0; index < value.length(); index++) {
            char c = value.charAt(index);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < ' ' || Character.isSurrogate(c) && !isPaired(value, index)) {
                text.append(String.format("\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }

    private static boolean isPaired(String value, int index) {
        char c = value.charAt(index);
        return Character.isHighSurrogate(c)
                ? index + 1 < value.length() && Character.isLowSurrogate(value.charAt(index + 1))
                : index > 0 && Character.isHighSurrogate(value.charAt(index - 1));
    }
}
