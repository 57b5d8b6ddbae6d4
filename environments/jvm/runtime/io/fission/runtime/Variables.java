// Variables of the function, which come with the load request.
package io.fission.runtime;

import java.lang.reflect.Field;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TimeZone;

/**
 * Sets variables of this process before a function is loaded.
 *
 * <p>Java has no way to set one, so the map behind {@code System.getenv} is written to, which the
 * start of the virtual machine opens for that. {@code System.getenv} and {@code
 * ProcessBuilder.environment} show them from then on.
 */
final class Variables {
    /** In the answer to a load request with variables: how many were set. */
    static final String HEADER = "X-Fission-Env";

    private Variables() {}

    /** The variables by name; the reason why they cannot be such does not show values. */
    static Map<String, String> parse(Object found) throws Json.BadJson {
        Map<String, String> variables = new LinkedHashMap<>();
        if (found == null) {
            return variables;
        }
        if (!(found instanceof Map<?, ?> map)) {
            throw new Json.BadJson("env is no object");
        }
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            String name = entry.getKey().toString();
            if (name.isEmpty() || name.indexOf('=') >= 0 || name.indexOf('\0') >= 0) {
                throw new Json.BadJson("env: '" + name + "' cannot be the name of a variable");
            }
            if (!(entry.getValue() instanceof String value) || value.indexOf('\0') >= 0) {
                throw new Json.BadJson("env: the value of " + name + " is no text without NUL");
            }
            variables.put(name, value);
        }
        return variables;
    }

    /** Sets them; returns what takes them back. */
    static Runnable apply(Map<String, String> variables) throws LoadFailure {
        if (variables.isEmpty()) {
            return () -> {};
        }
        Map<String, String> all = environment();
        Map<String, String> before = new LinkedHashMap<>();
        variables.keySet().forEach(name -> before.put(name, all.get(name)));
        all.putAll(variables);
        noteTimeZone(variables.get("TZ"));
        return () -> {
            before.forEach((name, value) -> {
                if (value == null) {
                    all.remove(name);
                } else {
                    all.put(name, value);
                }
            });
            if (variables.containsKey("TZ")) {
                TimeZone.setDefault(null);
            }
        };
    }

    /** What {@code System.getenv()} shows, without its protection. */
    @SuppressWarnings("unchecked")
    private static Map<String, String> environment() throws LoadFailure {
        Map<String, String> shown = System.getenv();
        try {
            Field inner = shown.getClass().getDeclaredField("m");
            inner.setAccessible(true);
            return (Map<String, String>) inner.get(shown);
        } catch (ReflectiveOperationException | RuntimeException error) {
            throw new LoadFailure(
                    500,
                    "spec.env and spec.envFrom cannot be set in this virtual machine ("
                            + error
                            + "): it needs --add-opens java.base/java.util=ALL-UNNAMED; or use"
                            + " executor type newdeploy");
        }
    }

    private static void noteTimeZone(String name) {
        if (name != null) {
            TimeZone.setDefault(TimeZone.getTimeZone(name.startsWith(":") ? name.substring(1) : name));
        }
    }
}
