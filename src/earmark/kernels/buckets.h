/* The code of a chunk of postings, written and read; what it is stands in buckets.c. */
#ifndef EARMARK_BUCKETS_H
#define EARMARK_BUCKETS_H
#include "earmark.h"
#include <string.h>

#define EM_DAMAGED (-1)
#define FRAME_BITS 24
#define NUMBER_BITS 31
#define MANY 0x80u
#define SPARE 8

static inline uint64_t load(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* --- writing ------------------------------------------------------------------------------- */

typedef struct {
    uint8_t *out;
    uint64_t word;
    unsigned held;
} bits;

static inline void put(bits *b, uint64_t value, unsigned count) { /* count <= 32 */
    b->word |= value << b->held;
    b->held += count;
    while (b->held >= 8) {
        *b->out++ = (uint8_t)b->word;
        b->word >>= 8;
        b->held -= 8;
    }
}

static inline void put_rice(bits *b, uint32_t value, unsigned k) {
    uint32_t zeros = value >> k;
    for (; zeros >= 24; zeros -= 24) put(b, 0, 24);
    put(b, 1ull << zeros, zeros + 1);
    put(b, value & ((1ull << k) - 1), k);
}

static inline uint8_t *put_varint(uint8_t *out, uint64_t value) {
    for (; value >= 128; value >>= 7) *out++ = (uint8_t)(value | 128);
    *out++ = (uint8_t)value;
    return out;
}

static inline unsigned varint_bytes(uint64_t value) {
    unsigned bytes = 1;
    for (; value >= 128; value >>= 7) bytes++;
    return bytes;
}

typedef struct {
    uint32_t number, frame;
    uint8_t low;
} posting;

static unsigned width_of(uint32_t value) {
    unsigned width = 0;
    for (; value; value >>= 1) width++;
    return width;
}

/* The cheapest code of n postings: sets k and f (with MANY), returns its bits. */
static uint64_t code_of(const posting *p, size_t n, unsigned group, unsigned *k, unsigned *f) {
    uint64_t rise = p[n - 1].number - p[0].number, best = UINT64_MAX;
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) most = p[i].frame > most ? p[i].frame : most;
    /* The mean difference decides to within one bit; the rest is tried. */
    const unsigned middle = n > 1 ? width_of((uint32_t)(rise / (n - 1))) : 0;
    for (unsigned try = middle > 2 ? middle - 2 : 0; try <= middle + 1 && try < NUMBER_BITS; try++) {
        uint64_t cost = 0;
        for (size_t i = 1; i < n; i++)
            cost += ((p[i].number - p[i - 1].number) >> try) + 1 + try;
        if (cost < best) best = cost, *k = try;
    }
    const unsigned full = width_of(most);
    uint64_t least = (uint64_t)full * n;
    *f = full;
    for (unsigned try = full > 3 ? full - 3 : 0; try < full; try++) {
        uint64_t cost = 0;
        for (size_t i = 0; i < n; i++) cost += (p[i].frame >> try) + 1 + try;
        if (cost < least) least = cost, *f = try | MANY;
    }
    return best + least + (uint64_t)group * n;
}

/* Write n >= 1 postings, sorted by number, as a chunk; the end of it, or NULL without room. */
static uint8_t *put_chunk(const posting *p, size_t n, unsigned group, uint8_t *out,
                          const uint8_t *end) {
    unsigned k = 0, f = 0;
    const uint64_t code = code_of(p, n, group, &k, &f);
    const uint64_t body = varint_bytes(n) + varint_bytes(p[0].number) + 3 + (code + 7) / 8;
    if (body + varint_bytes(body) + SPARE > (uint64_t)(end - out)) return NULL;
    out = put_varint(out, body);
    uint8_t *const begin = out;
    out = put_varint(out, n);
    out = put_varint(out, p[0].number);
    *out++ = (uint8_t)k;
    *out++ = (uint8_t)f;
    uint8_t *const check = out++;
    *check = 0;
    bits b = {out, 0, 0};
    for (size_t i = 0; i < n; i++) {
        if (i) put_rice(&b, p[i].number - p[i - 1].number, k);
        put(&b, p[i].low, group);
        if (f & MANY) put_rice(&b, p[i].frame, f & ~MANY);
        else put(&b, p[i].frame, f);
    }
    if (b.held) *b.out++ = (uint8_t)b.word;
    uint8_t sum = 0;
    for (const uint8_t *at = begin; at < b.out; at++) sum = (uint8_t)(sum + *at);
    *check = sum;
    return b.out;
}

/* --- reading ------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *data; /* the bits */
    uint64_t bit, end;   /* of the bits */
    uint64_t left;
    uint32_t number;
    unsigned k, f, group;
    int first;
} chunk;

static int take_varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 42; shift += 7) {
        if (*at >= end) return EM_DAMAGED;
        const uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) return 0;
    }
    return EM_DAMAGED;
}

/* Open the chunk at *at and step behind it; checks all that can be checked without decoding. */
static int open_chunk(const uint8_t **at, const uint8_t *end, unsigned group, int sums, chunk *c) {
    uint64_t body, number;
    if (take_varint(at, end, &body) || body > (uint64_t)(end - *at)) return EM_DAMAGED;
    const uint8_t *in = *at, *const begin = in, *const stop = in + body;
    *at = stop;
    if (take_varint(&in, stop, &c->left) || take_varint(&in, stop, &number) || stop - in < 3)
        return EM_DAMAGED;
    c->k = in[0];
    c->f = in[1];
    if (sums) {
        uint8_t sum = 0;
        for (const uint8_t *byte = begin; byte < stop; byte++) sum = (uint8_t)(sum + *byte);
        if ((uint8_t)(sum - in[2]) != in[2]) return EM_DAMAGED;
    }
    c->data = in + 3;
    c->bit = 0;
    c->end = (uint64_t)(stop - c->data) * 8;
    c->number = (uint32_t)number;
    c->group = group;
    c->first = 1;
    /* a posting has at least one bit, but for the first and those without group and frame */
    if (c->left == 0 || number >> NUMBER_BITS || c->k >= NUMBER_BITS ||
        (c->f & ~MANY) > FRAME_BITS || c->left > c->end + 1)
        return EM_DAMAGED;
    return 0;
}

static inline int take(chunk *c, unsigned count, uint32_t *value) { /* count <= 32 */
    if (c->bit + count > c->end) return EM_DAMAGED;
    if (!count) return *value = 0, 0;
    *value = (uint32_t)((load(c->data + (c->bit >> 3)) >> (c->bit & 7)) & ((1ull << count) - 1));
    c->bit += count;
    return 0;
}

static inline int take_rice(chunk *c, unsigned k, uint64_t *value) {
    uint64_t zeros = 0;
    uint32_t rest;
    for (;;) {
        if (c->bit >= c->end) return EM_DAMAGED;
        const unsigned have = 64 - (unsigned)(c->bit & 7);
        const uint64_t word = load(c->data + (c->bit >> 3)) >> (c->bit & 7);
        if (word) {
            const unsigned more = (unsigned)__builtin_ctzll(word);
            zeros += more;
            c->bit += more + 1;
            break;
        }
        zeros += have;
        c->bit += have;
    }
    if (take(c, k, &rest)) return EM_DAMAGED;
    *value = zeros << k | rest;
    return zeros >> (NUMBER_BITS + 1 - k) ? EM_DAMAGED : 0;
}

static int next_posting(chunk *c, posting *p) {
    uint64_t value;
    uint32_t low;
    if (!c->first) {
        if (take_rice(c, c->k, &value)) return EM_DAMAGED;
        value += c->number;
        if (value >> NUMBER_BITS) return EM_DAMAGED;
        c->number = (uint32_t)value;
    }
    c->first = 0;
    c->left--;
    if (take(c, c->group, &low)) return EM_DAMAGED;
    p->low = (uint8_t)low;
    p->number = c->number;
    if (c->f & MANY) {
        if (take_rice(c, c->f & ~MANY, &value) || value >> FRAME_BITS) return EM_DAMAGED;
        p->frame = (uint32_t)value;
    } else if (take(c, c->f, &p->frame)) {
        return EM_DAMAGED;
    }
    return 0;
}

#define ROOMY 160 /* bits: more than a posting of the quick way has */
#define FEW 20     /* zeros of a unary part there */

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

/* The other way, with copies: what is in a register stays there for the quick way. */
INLINE int next_slowly(chunk *c, posting *p) {
    chunk mine = *c;
    posting found = {0, 0, 0};
    const int result = next_posting(&mine, &found);
    *c = mine;
    *p = found;
    return result;
}

/* The same without a look at the end for each field, and with one or two loads for a posting; what does
 * not fit that goes the other way. */
INLINE int next_quickly(chunk *c, posting *p) {
    if (c->bit + ROOMY > c->end || c->first) return next_slowly(c, p);
    uint64_t word = load(c->data + (c->bit >> 3)) >> (c->bit & 7);
    if (!(word & ((1u << FEW) - 1))) return next_slowly(c, p);
    unsigned used = (unsigned)__builtin_ctzll(word);
    uint64_t number = (uint64_t)used++ << c->k;
    number += ((word >> used) & ((1ull << c->k) - 1)) + c->number;
    used += c->k;
    p->low = (uint8_t)((word >> used) & ((1u << c->group) - 1));
    used += c->group;
    const uint64_t bit = c->bit + used;
    const unsigned f = c->f & ~MANY;
    if (used + FEW + 1 + f <= 57) word >>= used; /* all of it is there: no need to wait for more */
    else word = load(c->data + (bit >> 3)) >> (bit & 7);
    if (c->f & MANY) {
        if (!(word & ((1u << FEW) - 1))) return next_slowly(c, p);
        used = (unsigned)__builtin_ctzll(word);
        p->frame = (uint32_t)((uint64_t)used << f | ((word >> (used + 1)) & ((1ull << f) - 1)));
        c->bit = bit + used + 1 + f;
    } else {
        p->frame = (uint32_t)(word & ((1ull << f) - 1));
        c->bit = bit + f;
    }
    if (number >> NUMBER_BITS || p->frame >> FRAME_BITS) return EM_DAMAGED;
    p->number = c->number = (uint32_t)number;
    c->left--;
    return 0;
}

static inline int in_bitmap(const uint8_t *bitmap, uint64_t bytes, uint32_t number) {
    return number >> 3 < bytes && bitmap[number >> 3] >> (7 - (number & 7)) & 1; /* as Redis */
}
#endif
