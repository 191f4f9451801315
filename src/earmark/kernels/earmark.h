/* Shared by every kernel file: what is exported, and the types that ctypes passes. */
#ifndef EARMARK_H
#define EARMARK_H
#include <stdint.h>
#include <stddef.h>
#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
/* One binary, several instruction sets: the loader picks at start (ELF, GCC only). */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define FAST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FAST
#endif
#endif
