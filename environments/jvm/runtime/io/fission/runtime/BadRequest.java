// What arrived is not a request that can be answered otherwise than by a refusal.
package io.fission.runtime;

import java.io.IOException;

/** A refusal that ends the connection: what follows on it could not be told apart. */
final class BadRequest extends IOException {
    private static final long serialVersionUID = 1;

    final int status;

    BadRequest(int status, String reason) {
        super(reason);
        this.status = status;
    }
}
