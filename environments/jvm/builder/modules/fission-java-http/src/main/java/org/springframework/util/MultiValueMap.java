// A map that holds several values per key.
package org.springframework.util;

import java.util.List;
import java.util.Map;

/**
 * Keys with lists of values.
 *
 * @param <K> type of the keys
 * @param <V> type of a single value
 */
public interface MultiValueMap<K, V> extends Map<K, List<V>> {
    /** The first value, or null. */
    V getFirst(K key);

    /** Adds a value behind those that are there. */
    void add(K key, V value);

    /** Adds values behind those that are there. */
    void addAll(K key, List<? extends V> values);

    /** Adds all values of another map. */
    void addAll(MultiValueMap<K, V> values);

    /** Adds a value if the key has none. */
    default void addIfAbsent(K key, V value) {
        if (!containsKey(key)) {
            add(key, value);
        }
    }

    /** Puts a value in place of those that are there. */
    void set(K key, V value);

    /** Puts each value in place of its key's. */
    void setAll(Map<K, V> values);

    /** A copy with the first value of each key. */
    Map<K, V> toSingleValueMap();
}
