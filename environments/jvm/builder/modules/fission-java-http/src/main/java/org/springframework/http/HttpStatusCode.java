// The status of an answer, a standard one or any other.
package org.springframework.http;

import java.io.Serializable;

/** A three-digit status. */
public interface HttpStatusCode extends Serializable {
    /** The number. */
    int value();

    /** 100 to 199. */
    default boolean is1xxInformational() {
        return value() / 100 == 1;
    }

    /** 200 to 299. */
    default boolean is2xxSuccessful() {
        return value() / 100 == 2;
    }

    /** 300 to 399. */
    default boolean is3xxRedirection() {
        return value() / 100 == 3;
    }

    /** 400 to 499. */
    default boolean is4xxClientError() {
        return value() / 100 == 4;
    }

    /** 500 to 599. */
    default boolean is5xxServerError() {
        return value() / 100 == 5;
    }

    /** 400 to 599. */
    default boolean isError() {
        return is4xxClientError() || is5xxServerError();
    }

    /** Whether the numbers are the same. */
    default boolean isSameCodeAs(HttpStatusCode other) {
        return value() == other.value();
    }

    /** The status with this number: an {@link HttpStatus} where it is a standard one. */
    static HttpStatusCode valueOf(int code) {
        if (code < 100 || code > 999) {
            throw new IllegalArgumentException(
                    "status " + code + " is not allowed: three digits, from 100 to 999");
        }
        HttpStatus standard = HttpStatus.resolve(code);
        return standard == null ? new OtherStatusCode(code) : standard;
    }
}
