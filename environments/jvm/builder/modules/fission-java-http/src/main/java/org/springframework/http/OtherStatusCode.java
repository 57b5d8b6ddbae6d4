// A status that has no name.
package org.springframework.http;

record OtherStatusCode(int value) implements HttpStatusCode {
    @Override
    public String toString() {
        return Integer.toString(value);
    }
}
