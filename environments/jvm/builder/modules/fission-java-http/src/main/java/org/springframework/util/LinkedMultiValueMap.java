// The ordinary map with several values per key: keys in the order in which they came.
package org.springframework.util;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A {@link MultiValueMap} in order of insertion. Not safe for several threads.
 *
 * @param <K> type of the keys
 * @param <V> type of a single value
 */
public class LinkedMultiValueMap<K, V> extends LinkedHashMap<K, List<V>>
        implements MultiValueMap<K, V> {
    private static final long serialVersionUID = 1;

    /** An empty map. */
    public LinkedMultiValueMap() {}

    /** A copy, lists included. */
    public LinkedMultiValueMap(Map<K, List<V>> other) {
        other.forEach((key, values) -> put(key, new ArrayList<>(values)));
    }

    @Override
    public V getFirst(K key) {
        List<V> values = get(key);
        return values == null || values.isEmpty() ? null : values.get(0);
    }

    @Override
    public void add(K key, V value) {
        computeIfAbsent(key, absent -> new ArrayList<>(1)).add(value);
    }

    @Override
    public void addAll(K key, List<? extends V> values) {
        computeIfAbsent(key, absent -> new ArrayList<>(values.size())).addAll(values);
    }

    @Override
    public void addAll(MultiValueMap<K, V> values) {
        values.forEach(this::addAll);
    }

    @Override
    public void set(K key, V value) {
        List<V> values = new ArrayList<>(1);
        values.add(value);
        put(key, values);
    }

    @Override
    public void setAll(Map<K, V> values) {
        values.forEach(this::set);
    }

    @Override
    public Map<K, V> toSingleValueMap() {
        Map<K, V> single = new LinkedHashMap<>();
        forEach((key, values) -> single.put(key, values.get(0)));
        return single;
    }
}
