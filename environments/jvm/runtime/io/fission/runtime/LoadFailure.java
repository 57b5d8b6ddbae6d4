// A package cannot become the function; the message is for whoever deploys it.
package io.fission.runtime;

final class LoadFailure extends Exception {
    private static final long serialVersionUID = 1;

    /** 400 when the package or the entry point is wrong, 500 when its code failed. */
    final int status;

    LoadFailure(int status, String reason) {
        super(reason);
        this.status = status;
    }
}
