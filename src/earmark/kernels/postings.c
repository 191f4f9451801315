/* Landmark postings, packed: sort, encode, decode, look up, merge.
 *
 * A block holds n pairs (hash, position), sorted, position < frames, as an Elias-Fano code whose
 * buckets never straddle a hash:
 *
 *   bucket(hash, position) = (hash >> group_bits) * splits + (position >> low_bits)
 *   low   (hash, position) = (hash mod 2^group_bits) << low_bits | (position mod 2^low_bits)
 *
 * where splits is 1 unless group_bits is 0. Posting i of bucket b sets bit i + b of `high`; every
 * other bit is the zero that closes a bucket, so `high` has n + buckets bits. `low` has width =
 * group_bits + low_bits bits a posting. directory[k] is the bit at which bucket 64 k begins.
 *
 * A damaged file may hold any bits: no index read from `high` or `low` is used unchecked, and
 * every function returns EM_DAMAGED instead of reading out of bounds.
 */
#include "earmark.h"
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "earmark's segment files are little-endian and read as they lie"
#endif

#define EM_DAMAGED (-1)
#define BLOCK_BITS 6   /* buckets between two directory entries: 2^6 */
#define TRACK_BITS 12  /* 2^12 = GAP_FRAMES: an aligned stretch of that length meets one track */
#define AHEAD 12       /* how many queries ahead memory is asked for */
#define DEAD INT64_MIN

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define INLINE static inline
#define PREFETCH(address) ((void)0)
#endif

typedef struct {
    uint64_t postings, buckets;
    uint32_t frames, hash_bits, group_bits, low_bits, splits, width;
    uint32_t *directory; /* ceil(buckets / 64) + 1 */
    uint64_t *high;      /* ceil((postings + buckets) / 64) */
    uint8_t *low;        /* ceil(postings * width / 8) + 8, so that 8 bytes can always be read */
} em_block;

INLINE uint64_t load64(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

INLINE uint64_t low_of(const em_block *block, uint64_t index, uint64_t mask) {
    const uint64_t bit = index * block->width;
    return (load64(block->low + (bit >> 3)) >> (bit & 7)) & mask;
}

#define ONES 0x0101010101010101ull
#define TOPS 0x8080808080808080ull

/* Where the k-th set bit (k >= 1) of a word with at least k of them lies; no branch, as it would
 * be mispredicted half of the time. */
INLINE unsigned kth_bit(uint64_t word, unsigned k) {
    uint64_t sums = word - ((word >> 1) & 0x5555555555555555ull);
    sums = (sums & 0x3333333333333333ull) + ((sums >> 2) & 0x3333333333333333ull);
    sums = ((sums + (sums >> 4)) & 0x0f0f0f0f0f0f0f0full) * ONES; /* byte j: set bits up to it */
    /* bytes whose sum is below k lie wholly before the bit */
    const uint64_t before = ((((k - 1) * ONES) | TOPS) - sums) & TOPS;
    const unsigned at = (unsigned)(((before >> 7) * ONES) >> 53) & 56u;
    k -= (unsigned)((sums << 8) >> at) & 255u;
    /* the same once more with the bits of one byte spread over eight */
    uint64_t spread = ((((word >> at) & 255u) * ONES) & 0x8040201008040201ull);
    spread = (((spread + 0x7f7f7f7f7f7f7f7full) | spread) & TOPS) >> 7;
    const uint64_t ranks = spread * ONES;
    const uint64_t under = ((((k - 1) * ONES) | TOPS) - ranks) & TOPS;
    return at + (unsigned)(((under >> 7) * ONES) >> 56);
}

/* The bit behind the `zeros`-th zero from `bit` on, or UINT64_MAX where there are not so many. */
INLINE uint64_t skip_zeros(const em_block *block, uint64_t bit, uint64_t zeros) {
    const uint64_t end = block->postings + block->buckets;
    if (zeros == 0) return bit;
    if (bit >= end) return UINT64_MAX;
    uint64_t word = ~block->high[bit >> 6] >> (bit & 63);
    for (;;) {
        const uint64_t found = (uint64_t)__builtin_popcountll(word);
        if (found >= zeros) break;
        zeros -= found;
        bit = (bit | 63) + 1;
        if (bit >= end) return UINT64_MAX;
        word = ~block->high[bit >> 6];
    }
    bit += kth_bit(word, (unsigned)zeros) + 1;
    return bit <= end ? bit : UINT64_MAX;
}

/* The bit behind the next zero; what skip_zeros does for one, which is nearly always at hand. */
INLINE uint64_t skip_run(const em_block *block, uint64_t bit) {
    const uint64_t end = block->postings + block->buckets;
    if (bit >= end) return UINT64_MAX;
    uint64_t word = ~block->high[bit >> 6] >> (bit & 63);
    while (!word) {
        bit = (bit | 63) + 1;
        if (bit >= end) return UINT64_MAX;
        word = ~block->high[bit >> 6];
    }
    bit += (uint64_t)__builtin_ctzll(word) + 1;
    return bit <= end ? bit : UINT64_MAX;
}

/* First index in [from, to) whose low part is not below `value`. */
INLINE uint64_t low_bound(const em_block *block, uint64_t from, uint64_t to, uint64_t value,
                          uint64_t mask) {
    while (from < to) {
        const uint64_t middle = from + ((to - from) >> 1);
        if (low_of(block, middle, mask) < value) from = middle + 1;
        else to = middle;
    }
    return from;
}

/* Sort n keys of which only the lowest `bits` differ; `spare` is as long as `keys`. */
EXPORT void em_sort(uint64_t *keys, uint64_t *spare, size_t n, uint32_t bits) {
    uint64_t *from = keys, *to = spare;
    for (uint32_t shift = 0; shift < bits; shift += 11) {
        size_t begin[2048] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++) begin[(from[i] >> shift) & 2047]++;
        if (n && begin[(from[0] >> shift) & 2047] == n) continue;
        for (size_t digit = 0; digit < 2048; digit++) {
            const size_t many = begin[digit];
            begin[digit] = sum;
            sum += many;
        }
        for (size_t i = 0; i < n; i++) to[begin[(from[i] >> shift) & 2047]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys) memcpy(keys, from, n * sizeof *keys);
}

typedef struct {
    em_block *out;
    uint64_t index, filled, bucket; /* postings written, directory entries written, last bucket */
} writer;

INLINE void fill_directory(writer *w, uint64_t upto) {
    for (; w->filled <= upto; w->filled++)
        w->out->directory[w->filled] = (uint32_t)(w->index + (w->filled << BLOCK_BITS));
}

/* Append a pair; 0, or EM_DAMAGED where it does not fit the block that was planned. */
INLINE int push(writer *w, uint64_t hash, uint64_t position) {
    em_block *out = w->out;
    const uint64_t bucket =
        (hash >> out->group_bits) * out->splits + (position >> out->low_bits);
    if (w->index >= out->postings || bucket >= out->buckets || bucket < w->bucket ||
        position >= out->frames)
        return EM_DAMAGED;
    fill_directory(w, bucket >> BLOCK_BITS);
    const uint64_t low = ((hash & ((1ull << out->group_bits) - 1)) << out->low_bits) |
                         (position & ((1ull << out->low_bits) - 1));
    const uint64_t set = w->index + bucket, bit = w->index * out->width;
    out->high[set >> 6] |= 1ull << (set & 63);
    const uint64_t word = load64(out->low + (bit >> 3)) | low << (bit & 7);
    memcpy(out->low + (bit >> 3), &word, 8);
    w->bucket = bucket;
    w->index++;
    return 0;
}

INLINE int64_t finish(writer *w) {
    em_block *out = w->out;
    if (w->index != out->postings) return EM_DAMAGED;
    const uint64_t entries = (out->buckets + 63) >> BLOCK_BITS;
    if (entries) fill_directory(w, entries - 1);
    out->directory[entries] = (uint32_t)(out->postings + out->buckets);
    return (int64_t)w->index;
}

/* Encode sorted keys (hash << 32 | position) into the zeroed buffers of `out`. */
EXPORT int64_t em_encode(const uint64_t *keys, em_block *out) {
    writer w = {out, 0, 0, 0};
    for (uint64_t i = 0; i < out->postings; i++)
        if (push(&w, keys[i] >> 32, keys[i] & 0xffffffffu)) return EM_DAMAGED;
    return finish(&w);
}

/* first[i], count[i]: where the postings of hashes[i] lie. Returns the sum of counts. */
FAST EXPORT int64_t em_ranges(const em_block *block, const uint32_t *hashes, size_t n,
                              uint32_t *first, uint32_t *count) {
    const uint64_t mask = (1ull << block->width) - 1, splits = block->splits;
    const uint32_t group = block->group_bits;
    const uint64_t in_group = (1ull << group) - 1, hash_end = 1ull << block->hash_bits;
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + 2 * AHEAD < n && hashes[i + 2 * AHEAD] < hash_end)
            PREFETCH(block->directory + ((hashes[i + 2 * AHEAD] >> group) * splits >> BLOCK_BITS));
        if (i + AHEAD < n && hashes[i + AHEAD] < hash_end)
            PREFETCH(block->high +
                     (block->directory[(hashes[i + AHEAD] >> group) * splits >> BLOCK_BITS] >> 6));
        first[i] = count[i] = 0;
        if (hashes[i] >= hash_end) continue;
        const uint64_t bucket = (hashes[i] >> group) * splits;
        const uint64_t start = skip_zeros(block, block->directory[bucket >> BLOCK_BITS],
                                          bucket & ((1u << BLOCK_BITS) - 1));
        if (start == UINT64_MAX || start < bucket) return EM_DAMAGED;
        const uint64_t end =
            splits == 1 ? skip_run(block, start) : skip_zeros(block, start, splits);
        if (end == UINT64_MAX) return EM_DAMAGED;
        uint64_t from = start - bucket, to = end - splits - bucket;
        if (to > block->postings || from > to) return EM_DAMAGED;
        if (group && from < to) {
            const uint64_t mine = hashes[i] & in_group;
            if (to - from <= 16) { /* counting all is faster than guessing branches */
                uint64_t below = 0, upto = 0;
                for (uint64_t at = from; at < to; at++) {
                    const uint64_t other = low_of(block, at, mask) >> block->low_bits;
                    below += other < mine;
                    upto += other <= mine;
                }
                to = from + upto;
                from += below;
            } else {
                from = low_bound(block, from, to, mine << block->low_bits, mask);
                to = low_bound(block, from, to, (mine + 1) << block->low_bits, mask);
            }
        }
        first[i] = (uint32_t)from;
        count[i] = (uint32_t)(to - from);
        total += (int64_t)(to - from);
    }
    return total;
}

/* Decode what em_ranges found. `alive` is NULL, or one byte for each 4096 frames: postings where
 * it is 0 are left out. Returns the number written, at most the sum of counts. */
FAST EXPORT int64_t em_fill(const em_block *block, const uint32_t *hashes, size_t n,
                            const uint32_t *first, const uint32_t *count, const uint8_t *alive,
                            int64_t base, uint32_t *query, int64_t *position) {
    const uint64_t mask = (1ull << block->width) - 1, inside = (1ull << block->low_bits) - 1;
    const uint64_t bits = block->postings + block->buckets;
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n && count[i + AHEAD])
            PREFETCH(block->low + ((uint64_t)first[i + AHEAD] * block->width >> 3));
        const uint64_t from = first[i], to = from + count[i];
        uint64_t bit = from + (uint64_t)hashes[i] * block->splits, high = 0;
        for (uint64_t at = from; at < to; at++) {
            if (block->splits > 1) {
                while (bit < bits && !(block->high[bit >> 6] >> (bit & 63) & 1)) bit++, high++;
                bit++;
            }
            const uint64_t where = (high << block->low_bits) | (low_of(block, at, mask) & inside);
            if (where >= block->frames) return EM_DAMAGED;
            query[out] = (uint32_t)i;
            position[out] = base + (int64_t)where;
            out += alive ? alive[where >> TRACK_BITS] != 0 : 1;
        }
    }
    return (int64_t)out;
}

typedef struct {
    const em_block *block;
    const int64_t *moves;
    uint64_t index, bit, word, hash, position;
} reader;

/* Step to the next live pair: 1, 0 at the end, or EM_DAMAGED. */
INLINE int next(reader *r) {
    const em_block *block = r->block;
    const uint64_t end = block->postings + block->buckets, mask = (1ull << block->width) - 1;
    while (r->index < block->postings) {
        while (!r->word) {
            r->bit = (r->bit | 63) + 1;
            if (r->bit >= end) return EM_DAMAGED;
            r->word = block->high[r->bit >> 6];
        }
        const uint64_t set = (r->bit & ~63ull) + (uint64_t)__builtin_ctzll(r->word);
        r->word &= r->word - 1;
        if (set < r->index || set - r->index >= block->buckets) return EM_DAMAGED;
        const uint64_t bucket = set - r->index, low = low_of(block, r->index++, mask);
        const uint64_t whole = block->splits > 1 ? bucket / block->splits : bucket;
        const uint64_t high = bucket - whole * block->splits;
        const uint64_t position =
            (high << block->low_bits) | (low & ((1ull << block->low_bits) - 1));
        if (position >= block->frames) return EM_DAMAGED;
        const int64_t move = r->moves[position >> TRACK_BITS];
        if (move == DEAD) continue;
        r->hash = (whole << block->group_bits) | (low >> block->low_bits);
        r->position = (uint64_t)((int64_t)position + move);
        return 1;
    }
    return 0;
}

/* Merge `n` (at most 64) blocks into the zeroed buffers of `out`, shifting each 4096 frames of
 * source s by moves[s][frame >> 12], dropping them where that is DEAD. Sources must land on the
 * new time line in order, which keeps equal hashes sorted by position without comparing them. */
EXPORT int64_t em_merge(const em_block *const *sources, const int64_t *const *moves, size_t n,
                        em_block *out) {
    reader readers[64];
    size_t open = 0;
    writer w = {out, 0, 0, 0};
    if (n > 64) return EM_DAMAGED;
    for (size_t s = 0; s < n; s++) {
        if (!sources[s]->postings) continue;
        reader r = {sources[s], moves[s], 0, 0, sources[s]->high[0], 0, 0};
        const int more = next(&r);
        if (more < 0) return EM_DAMAGED;
        if (more) readers[open++] = r;
    }
    while (open) {
        size_t least = 0;
        for (size_t s = 1; s < open; s++)
            if (readers[s].hash < readers[least].hash) least = s;
        reader *r = &readers[least];
        const uint64_t hash = r->hash;
        int more = 1;
        while (more > 0 && r->hash == hash) {
            if (push(&w, hash, r->position)) return EM_DAMAGED;
            more = next(r);
        }
        if (more < 0) return EM_DAMAGED;
        if (!more) {
            memmove(r, r + 1, (size_t)(readers + open - r - 1) * sizeof *r);
            open--;
        }
    }
    return finish(&w);
}
