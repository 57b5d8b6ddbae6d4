;; Wants something that no runtime of ours has.
(module
  (import "env" "a_function_that_is_nowhere" (func $nowhere))
  (memory (export "memory") 1)
  (func (export "_start") (call $nowhere)))
