// Stack traces as the author of a function wants them: without the server's own frames.
package io.fission.runtime;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;

final class Traces {
    private static final String OURS = Traces.class.getPackageName() + ".";
    private static final int MAX_CAUSES = 32;

    private Traces() {}

    /** The stack trace, causes included, down to where the server called the function. */
    static String describe(Throwable error) {
        Throwable one = error;
        for (int count = 0; one != null && count < MAX_CAUSES; count++) {
            one.setStackTrace(trim(one.getStackTrace()));
            one = one.getCause();
        }
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }

    private static StackTraceElement[] trim(StackTraceElement[] frames) {
        int end = 0;
        while (end < frames.length && !frames[end].getClassName().startsWith(OURS)) {
            end++;
        }
        while (end > 0 && isReflection(frames[end - 1].getClassName())) {
            end--;
        }
        return end == 0 ? frames : Arrays.copyOf(frames, end);
    }

    private static boolean isReflection(String name) {
        return name.startsWith("java.lang.reflect.")
                || name.startsWith("jdk.internal.reflect.")
                || name.startsWith("java.lang.Class");
    }
}
