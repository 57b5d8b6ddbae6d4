package special;

import io.fission.Context;
import io.fission.Function;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** Classes that cannot become functions, each in a way of its own. */
public class Failures {
    /** No function. */
    public static class Plain {}

    /** Fails as it is made. */
    public static class Constructor extends Base {
        public Constructor() {
            throw new IllegalStateException("no such luck", new RuntimeException("the cause"));
        }
    }

    /** Fails before it is made. */
    public static class Static extends Base {
        static final int VALUE = Integer.parseInt("no number");
    }

    /** Has no constructor that anybody could call. */
    public static class Private extends Base {
        private Private() {}
    }

    /** Needs a class that is packed nowhere. */
    public static class Needy extends Base {
        private final Missing missing = new Missing();
    }

    /** Is not packed. */
    public static class Missing {}

    /** Answers. */
    public static class Base implements Function<Object, Object> {
        @Override
        public ResponseEntity<?> call(RequestEntity<?> request, Context context) {
            return ResponseEntity.ok("fine");
        }
    }
}
