// What a function returned cannot be sent; the message is for the function's author.
package io.fission.runtime;

final class BadAnswer extends Exception {
    private static final long serialVersionUID = 1;

    BadAnswer(String reason) {
        super(reason);
    }
}
