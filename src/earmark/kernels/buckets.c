/* Postings of a few neighbouring hashes as one value: pack, look up, merge, decode.
 *
 * A bucket is the postings of the 2^group hashes that agree but for their lowest `group` bits. Its
 * value is a row of chunks, each complete in itself, so that adding is appending. A chunk is
 *
 *   varint  bytes of what follows
 *   varint  count of postings, at least 1
 *   varint  number of the first posting
 *   byte    k: bits of a number's difference that are written as they are
 *   byte    f: bits of a frame, likewise; + 128 where frames may have more
 *   byte    sum of all other bytes but the length
 *   bits    for each posting, by number: the difference to the number before (not for the first):
 *           unary (difference >> k) zeros and a one, then k bits; `group` bits of the hash; the
 *           frame: the same code with f, without the unary part unless the 128 says so
 *
 * with the lowest bit of a byte first. A damaged value may hold any bytes: nothing is read outside
 * it and nothing written beyond the room given. Every buffer of values has 8 bytes to spare.
 */
#include "buckets.h"
#include <stdlib.h>

#define EM_NO_ROOM (-2)
#define EM_NO_MEMORY (-3)
#define GROUP_MOST 6
#define GAP_FRAMES 4096

EXPORT void em_sort(uint64_t *keys, uint64_t *spare, size_t n, uint32_t bits);

/* Pack postings: keys are index << 33 | bucket, sorted by bucket; each run of a bucket becomes a
 * chunk that ends at ends[i] and belongs to buckets[i]. Indexes of a run rise with the number.
 * Returns how many chunks. */
EXPORT int64_t em_buckets_pack(const uint64_t *keys, size_t n, const uint32_t *hash,
                               const uint32_t *number, const uint32_t *frame, uint32_t group,
                               uint8_t *out, uint64_t room, uint32_t *buckets, uint64_t *ends) {
    posting *run = malloc((n + 1) * sizeof *run);
    if (!run) return EM_NO_MEMORY;
    uint8_t *at = out;
    int64_t chunks = 0;
    for (size_t from = 0, to; from < n; from = to) {
        const uint32_t bucket = (uint32_t)keys[from];
        for (to = from; to < n && (uint32_t)keys[to] == bucket; to++) {
            const uint64_t i = keys[to] >> 33;
            run[to - from] =
                (posting){number[i], frame[i], (uint8_t)(hash[i] & ((1u << group) - 1))};
        }
        at = put_chunk(run, to - from, group, at, out + room);
        if (!at) {
            free(run);
            return EM_NO_ROOM;
        }
        buckets[chunks] = bucket;
        ends[chunks++] = (uint64_t)(at - out);
    }
    free(run);
    return chunks;
}

/* counts[i]: how many postings value i says it has, without decoding. Returns their sum. */
EXPORT int64_t em_buckets_counts(const uint8_t *values, const uint64_t *ends, size_t n,
                                 uint64_t *counts) {
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = values + (i ? ends[i - 1] : 0), *const end = values + ends[i];
        counts[i] = 0;
        while (at < end) {
            chunk c;
            if (open_chunk(&at, end, 0, 0, &c)) return EM_DAMAGED;
            counts[i] += c.left;
        }
        total += (int64_t)counts[i];
    }
    return total;
}

/* Find the postings of `wanted` (sorted, each once) in values: value i is the bucket of the hashes
 * from base[i] on, 2^group[i] of them. Each of a number in `known` is written for every question
 * that wants it, as (question, position): wanted[w] is asked by order[first[w]] and the many[w] - 1
 * questions behind it. `room` has one to spare. Returns how many. */
FAST EXPORT int64_t em_buckets_find(const uint8_t *values, const uint64_t *ends,
                                    const uint32_t *base, const uint8_t *group, size_t n,
                                    const uint32_t *wanted, size_t asked, const int64_t *first,
                                    const int64_t *many, const int64_t *order,
                                    const uint8_t *known, uint64_t known_bytes,
                                    uint32_t *question, int64_t *position, uint64_t room) {
    uint64_t out = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = values + (i ? ends[i - 1] : 0), *const end = values + ends[i];
        if (at == end) continue;
        uint32_t once[1 << GROUP_MOST] = {0}, repeats[1 << GROUP_MOST] = {0}; /* by low bits */
        int64_t where[1 << GROUP_MOST];
        size_t from = 0, to = asked;
        while (from < to) {
            const size_t middle = from + (to - from) / 2;
            if (wanted[middle] < base[i]) from = middle + 1;
            else to = middle;
        }
        for (; from < asked && wanted[from] - base[i] < 1u << group[i]; from++) {
            const uint32_t low = wanted[from] - base[i];
            where[low] = first[from];
            once[low] = (uint32_t)order[first[from]];
            repeats[low] = (uint32_t)many[from];
        }
        while (at < end) {
            chunk c;
            if (open_chunk(&at, end, group[i], 0, &c)) return EM_DAMAGED;
            while (c.left) {
                posting p;
                if (next_quickly(&c, &p)) return EM_DAMAGED;
                const uint32_t times =
                    repeats[p.low] & -(uint32_t)in_bitmap(known, known_bytes, p.number);
                const int64_t there = ((int64_t)p.number << FRAME_BITS) + GAP_FRAMES + p.frame;
                if (out + times >= room) return EM_NO_ROOM;
                question[out] = once[p.low]; /* nobody's where times is 0 */
                position[out] = there;
                if (times > 1)
                    for (uint32_t k = 1; k < times; k++) {
                        question[out + k] = (uint32_t)order[where[p.low] + k];
                        position[out + k] = there;
                    }
                out += times;
            }
        }
    }
    return (int64_t)out;
}

/* Decode values whole, sums checked: (value, low, number, frame) of each posting. Returns how
 * many, or EM_DAMAGED with *bad the value that is. */
EXPORT int64_t em_buckets_decode(const uint8_t *values, const uint64_t *ends, const uint8_t *group,
                                 size_t n, uint32_t *value, uint8_t *low, uint32_t *number,
                                 uint32_t *frame, uint64_t room, uint64_t *bad) {
    uint64_t out = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = values + (i ? ends[i - 1] : 0), *const end = values + ends[i];
        *bad = i;
        while (at < end) {
            chunk c;
            if (open_chunk(&at, end, group[i], 1, &c)) return EM_DAMAGED;
            while (c.left) {
                posting p;
                if (next_quickly(&c, &p)) return EM_DAMAGED;
                if (out == room) return EM_NO_ROOM;
                value[out] = (uint32_t)i;
                low[out] = p.low;
                number[out] = p.number;
                frame[out++] = p.frame;
            }
            if (c.end - c.bit >= 8) return EM_DAMAGED;
        }
    }
    return (int64_t)out;
}

/* Write postings, sorted by number, as one chunk of at most `cap` bytes: as many as fit, those of
 * the lowest numbers first. Returns the chunk's end, *left how many did not fit. */
static uint8_t *put_capped(const posting *p, size_t n, unsigned group, uint64_t cap, uint8_t *out,
                           const uint8_t *end, int64_t *left) {
    size_t keep = n;
    while (keep) {
        uint8_t *const done = put_chunk(p, keep, group, out, end);
        if (!done || (uint64_t)(done - out) <= cap) {
            *left += (int64_t)(n - keep);
            return done;
        }
        const double share = (double)cap / (double)(done - out);
        keep = (size_t)((double)keep * share * 0.99);
    }
    *left += (int64_t)n;
    return out;
}

/* Merge units: unit u is the bucket of 2^whole hashes, given as the values with unit[i] == u
 * (values are in the order of units): value i holds part[i] of it, 2^group[i] hashes. Written are
 * 2^(whole - finer) values a unit, one chunk each or nothing; sizes[] tells their bytes. Postings
 * of numbers in `dead` are dropped. Returns the bytes written; *left counts what `cap` left out. */
EXPORT int64_t em_buckets_merge(const uint8_t *values, const uint64_t *ends, const uint32_t *unit,
                                const uint8_t *part, const uint8_t *group, size_t n,
                                uint32_t units, uint32_t whole, uint32_t finer,
                                const uint8_t *dead, uint64_t dead_bytes, uint64_t cap,
                                uint64_t most, uint8_t *out, uint64_t room, uint32_t *sizes,
                                int64_t *left) {
    const uint32_t parts = 1u << (whole - finer);
    posting *sorted = malloc((most + 1) * sizeof *sorted);
    uint64_t *keys = malloc((most + 1) * sizeof *keys), *spare = malloc((most + 1) * sizeof *keys);
    uint8_t *at = out;
    int64_t result = EM_NO_MEMORY;
    if (!sorted || !keys || !spare) goto end;
    *left = 0;
    memset(sizes, 0, (size_t)units * parts * sizeof *sizes);
    for (size_t from = 0; from < n;) {
        const uint32_t u = unit[from];
        size_t count = 0, to = from;
        result = EM_DAMAGED;
        if (u >= units) goto end;
        for (; to < n && unit[to] == u; to++) {
            const uint8_t *in = values + (to ? ends[to - 1] : 0), *const stop = values + ends[to];
            while (in < stop) {
                chunk c;
                if (open_chunk(&in, stop, group[to], 1, &c)) goto end;
                while (c.left) {
                    posting p;
                    if (next_quickly(&c, &p)) goto end;
                    if (in_bitmap(dead, dead_bytes, p.number)) continue;
                    if (count == most) goto end;
                    const uint64_t all = (uint64_t)part[to] << group[to] | p.low;
                    const uint64_t rest = all & ((1u << finer) - 1);
                    keys[count++] = (all >> finer) << (NUMBER_BITS + finer + FRAME_BITS) |
                                    (uint64_t)p.number << (finer + FRAME_BITS) |
                                    rest << FRAME_BITS | p.frame;
                }
            }
        }
        em_sort(keys, spare, count, NUMBER_BITS + FRAME_BITS + GROUP_MOST);
        for (size_t i = 0; i < count; i++)
            sorted[i] = (posting){keys[i] >> (finer + FRAME_BITS) & ((1u << NUMBER_BITS) - 1),
                                  keys[i] & ((1u << FRAME_BITS) - 1),
                                  keys[i] >> FRAME_BITS & ((1u << finer) - 1)};
        for (size_t i = 0, next; i < count; i = next) {
            const uint64_t mine = keys[i] >> (NUMBER_BITS + finer + FRAME_BITS);
            next = i;
            while (next < count && keys[next] >> (NUMBER_BITS + finer + FRAME_BITS) == mine) next++;
            if (mine >= parts) goto end;
            uint8_t *const done = put_capped(sorted + i, next - i, finer, cap, at, out + room, left);
            result = EM_NO_ROOM;
            if (!done) goto end;
            result = EM_DAMAGED;
            sizes[(size_t)u * parts + mine] = (uint32_t)(done - at);
            at = done;
        }
        from = to;
    }
    result = (int64_t)(at - out);
end:
    free(sorted);
    free(keys);
    free(spare);
    return result;
}
