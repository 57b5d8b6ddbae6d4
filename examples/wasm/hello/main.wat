;; Answers `hello`. A program writes its answer to standard output: one call of fd_write with one
;; piece, whose address (8) and length (6) are at address 0.
;;
;;   fission fn create --name hello --env wasm --src examples/wasm/hello
;;   fission fn test --name hello
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $stream i32) (param $pieces i32) (param $count i32) (param $written i32)
      (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\0a")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))
