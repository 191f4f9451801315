/* Exact nearest neighbours: int8 vectors against int16 queries, the k best of each query kept.
 *
 *   similarity(row, query) = float(sum_i row[i] * query[i]) * scale[row] * factor[query]
 *
 * The sum is an integer and the two products are single float operations, so every instruction
 * set gives the same bits. Rows are `width` bytes, a multiple of 16, and so are queries; the
 * caller keeps 128 * width * max|query| below 2^31.
 *
 * Sixteen rows at a time are turned into a tile whose 32-bit lanes are rows: tile[quad][row][4].
 * A lane then sums its own row, and nothing is ever added across lanes. Only a single query is
 * compared without a tile. */
#include "earmark.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 16   /* rows of a tile: the 32-bit lanes of the widest register */
#define GROUP 4   /* queries that share a pass over a tile */

enum { AUTO, PORTABLE, AVX2, AVX512 };

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

/* One window that was found; the wrapper reads it as a numpy record. */
typedef struct { float similarity; uint32_t start; int64_t number; uint32_t length, window; } Near;

typedef struct {
    const int8_t *row[ROWS];
    float scale[ROWS];
    int8_t *tile;           /* width * ROWS bytes, 64-aligned; unused by the portable path and for one query */
    int64_t width;
} Block;

/* Similarities of a block's rows with GROUP queries, and in `over` a bit for each that is at
 * least its query's `least`. */
typedef struct { float similarity[GROUP][ROWS]; uint32_t over[GROUP]; } Found;
typedef void Compare(const Block *block, const int16_t *plain, const int32_t *packed,
                     const float *factor, const float *least, Found *found);

static void compare_portable(const Block *block, const int16_t *plain, const int32_t *packed,
                             const float *factor, const float *least, Found *found) {
    (void)packed;
    for (int g = 0; g < GROUP; g++) {
        const int16_t *query = plain + g * block->width;
        found->over[g] = 0;
        for (int r = 0; r < ROWS; r++) {
            const int8_t *row = block->row[r];
            int32_t sum = 0;
            for (int64_t i = 0; i < block->width; i++) sum += (int32_t)row[i] * query[i];
            const float similarity = (float)sum * block->scale[r] * factor[g];
            found->similarity[g][r] = similarity;
            found->over[g] |= (uint32_t)(similarity >= least[g]) << r;
        }
    }
}

#ifdef X86
/* SSE2, which every x86-64 has: four rows by four quads at a time. */
static void lay_tile(const Block *block) {
    for (int64_t column = 0; column < block->width; column += 16)
        for (int r = 0; r < ROWS; r += 4) {
            __m128i a = _mm_loadu_si128((const __m128i *)(block->row[r] + column));
            __m128i b = _mm_loadu_si128((const __m128i *)(block->row[r + 1] + column));
            __m128i c = _mm_loadu_si128((const __m128i *)(block->row[r + 2] + column));
            __m128i d = _mm_loadu_si128((const __m128i *)(block->row[r + 3] + column));
            __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
            __m128i AB = _mm_unpackhi_epi32(a, b), CD = _mm_unpackhi_epi32(c, d);
            __m128i *to = (__m128i *)(block->tile + column * ROWS + r * 4);
            _mm_store_si128(to, _mm_unpacklo_epi64(ab, cd));
            _mm_store_si128(to + 4, _mm_unpackhi_epi64(ab, cd));
            _mm_store_si128(to + 8, _mm_unpacklo_epi64(AB, CD));
            _mm_store_si128(to + 12, _mm_unpackhi_epi64(AB, CD));
        }
}

/* For each quad: bytes 0 and 2 of each lane against one pair of query values, 1 and 3 against the
 * other, because two shifts split a lane that way. packed[quad][pair][query]. */
__attribute__((target("avx2")))
static void compare_avx2(const Block *block, const int16_t *plain, const int32_t *packed,
                         const float *factor, const float *least, Found *found) {
    (void)plain;
    __m256i sum[GROUP][2];
    for (int g = 0; g < GROUP; g++) sum[g][0] = sum[g][1] = _mm256_setzero_si256();
    for (int64_t quad = 0; quad < block->width / 4; quad++, packed += 2 * GROUP)
        for (int half = 0; half < 2; half++) {
            __m256i x = _mm256_load_si256((const __m256i *)(block->tile + quad * 64 + half * 32));
            __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
            __m256i odd = _mm256_srai_epi16(x, 8);
            for (int g = 0; g < GROUP; g++) {
                __m256i e = _mm256_madd_epi16(even, _mm256_set1_epi32(packed[g]));
                __m256i o = _mm256_madd_epi16(odd, _mm256_set1_epi32(packed[GROUP + g]));
                sum[g][half] = _mm256_add_epi32(sum[g][half], _mm256_add_epi32(e, o));
            }
        }
    for (int g = 0; g < GROUP; g++) {
        found->over[g] = 0;
        for (int half = 0; half < 2; half++) {
            __m256 s = _mm256_mul_ps(_mm256_cvtepi32_ps(sum[g][half]),
                                     _mm256_loadu_ps(block->scale + 8 * half));
            s = _mm256_mul_ps(s, _mm256_set1_ps(factor[g]));
            _mm256_storeu_ps(found->similarity[g] + 8 * half, s);
            __m256 over = _mm256_cmp_ps(s, _mm256_set1_ps(least[g]), _CMP_GE_OQ);
            found->over[g] |= (uint32_t)_mm256_movemask_ps(over) << (8 * half);
        }
    }
}

__attribute__((target("avx512f,avx512bw,avx512vnni")))
static void compare_avx512(const Block *block, const int16_t *plain, const int32_t *packed,
                           const float *factor, const float *least, Found *found) {
    (void)plain;
    __m512i even_sum[GROUP], odd_sum[GROUP];
    for (int g = 0; g < GROUP; g++) even_sum[g] = odd_sum[g] = _mm512_setzero_si512();
    for (int64_t quad = 0; quad < block->width / 4; quad++, packed += 2 * GROUP) {
        __m512i x = _mm512_load_si512(block->tile + quad * 64);
        __m512i even = _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
        __m512i odd = _mm512_srai_epi16(x, 8);
        for (int g = 0; g < GROUP; g++) {
            even_sum[g] = _mm512_dpwssd_epi32(even_sum[g], even, _mm512_set1_epi32(packed[g]));
            odd_sum[g] = _mm512_dpwssd_epi32(odd_sum[g], odd, _mm512_set1_epi32(packed[GROUP + g]));
        }
    }
    for (int g = 0; g < GROUP; g++) {
        __m512 s = _mm512_cvtepi32_ps(_mm512_add_epi32(even_sum[g], odd_sum[g]));
        s = _mm512_mul_ps(s, _mm512_loadu_ps(block->scale));
        s = _mm512_mul_ps(s, _mm512_set1_ps(factor[g]));
        _mm512_storeu_ps(found->similarity[g], s);
        found->over[g] = _mm512_cmp_ps_mask(s, _mm512_set1_ps(least[g]), _CMP_GE_OQ);
    }
}

/* One query alone: rows as they lie, a sum across the lanes for each, and no tile. Laying one, and
 * a group of four queries of which three are padding, would cost more than they save. */
__attribute__((target("avx2")))
static void compare_one_avx2(const Block *block, const int16_t *plain, const int32_t *packed,
                             const float *factor, const float *least, Found *found) {
    (void)packed;
    memset(found->over, 0, sizeof found->over);
    for (int r = 0; r < ROWS; r++) {
        __m256i sum = _mm256_setzero_si256();
        for (int64_t i = 0; i < block->width; i += 16) {
            __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(block->row[r] + i)));
            __m256i y = _mm256_loadu_si256((const __m256i *)(plain + i));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x, y));
        }
        __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
        const float similarity = (float)_mm_cvtsi128_si32(s) * block->scale[r] * factor[0];
        found->similarity[0][r] = similarity;
        found->over[0] |= (uint32_t)(similarity >= least[0]) << r;
    }
}

__attribute__((target("avx512f,avx512bw,avx512vnni")))
static void compare_one_avx512(const Block *block, const int16_t *plain, const int32_t *packed,
                               const float *factor, const float *least, Found *found) {
    (void)packed;
    memset(found->over, 0, sizeof found->over);
    for (int r = 0; r < ROWS; r++) {
        __m512i sum = _mm512_setzero_si512();
        int64_t i = 0;
        for (; i + 32 <= block->width; i += 32) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(block->row[r] + i));
            sum = _mm512_dpwssd_epi32(sum, _mm512_cvtepi8_epi16(x), _mm512_loadu_si512(plain + i));
        }
        if (i < block->width) { /* the last 16; what lies beyond them counts as 0 */
            __m256i x = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(block->row[r] + i)));
            __m512i y = _mm512_maskz_loadu_epi16(0xffff, plain + i);
            sum = _mm512_dpwssd_epi32(sum, _mm512_cvtepi8_epi16(x), y);
        }
        const float similarity = (float)_mm512_reduce_add_epi32(sum) * block->scale[r] * factor[0];
        found->similarity[0][r] = similarity;
        found->over[0] |= (uint32_t)(similarity >= least[0]) << r;
    }
}
#endif

#ifdef X86
/* By cpuid itself: built by ziglang, __builtin_cpu_supports says no to everything. */
static int machine_runs(int32_t path) {
    uint32_t a, b, c, d, saved, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return 0;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0)); /* registers the system saves */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (path == AVX2) return (saved & 0x06) == 0x06 && (b >> 5 & 1);
    /* avx512f, avx512bw, avx512vnni */
    return (saved & 0xe6) == 0xe6 && (b >> 16 & 1) && (b >> 30 & 1) && (c >> 11 & 1);
}
#endif

/* Whether this machine runs a path. */
EXPORT int32_t em_nearest_runs(int32_t path) {
    if (path == AUTO || path == PORTABLE) return 1;
#ifdef X86
    if (path == AVX2 || path == AVX512) return machine_runs(path);
#endif
    return 0;
}

static Compare *compare_of(int32_t path, int64_t asked) {
#ifdef X86
    if (path == AUTO) path = em_nearest_runs(AVX512) ? AVX512 : em_nearest_runs(AVX2) ? AVX2 : PORTABLE;
    if (path == AVX512) return asked == 1 ? compare_one_avx512 : compare_avx512;
    if (path == AVX2) return asked == 1 ? compare_one_avx2 : compare_avx2;
#endif
    (void)path;
    (void)asked;
    return compare_portable;
}

/* Greater similarity first, then lower number, earlier start, earlier window of the track. */
static inline int before(const Near *a, const Near *b) {
    if (a->similarity != b->similarity) return a->similarity > b->similarity;
    if (a->number != b->number) return a->number < b->number;
    if (a->start != b->start) return a->start < b->start;
    return a->window < b->window;
}

/* `heap` holds n entries, each before its parent, but for `item`, which belongs at or under `at`. */
static void sink(Near *heap, int64_t n, int64_t at, Near item) {
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(&heap[child], &heap[child + 1])) child++;
        if (!before(&item, &heap[child])) break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void offer(Near *heap, int64_t *held, int64_t k, const Near *item) {
    if (*held == k) {
        if (before(item, &heap[0])) sink(heap, k, 0, *item);
        return;
    }
    int64_t at = (*held)++;
    for (; at > 0 && before(&heap[(at - 1) / 2], item); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = *item;
}

/* Offer the rows of every span [begin, end) to the heaps of all queries; `heaps` has k entries a
 * query, of which `held` are in use. Queries and their factors are padded to whole groups; `asked`
 * is how many count. Returns 0, or -1 when memory is out. */
EXPORT int32_t em_nearest(const int8_t *rows, int64_t width, const uint16_t *scale,
                          const uint32_t *start, const uint32_t *length, const int64_t *begin,
                          const int64_t *end, const int64_t *number, int64_t spans,
                          const int16_t *queries, const float *factors, int64_t asked, int64_t k,
                          Near *heaps, int64_t *held, int32_t path) {
    if (k <= 0 || asked <= 0) return 0;
    Compare *compare = compare_of(path, asked);
    const int64_t groups = (asked + GROUP - 1) / GROUP;
    int8_t *scratch = malloc((size_t)(width * ROWS + 64));
    int32_t *packed = malloc((size_t)(groups * GROUP * width * 2));
    float *least = malloc((size_t)(groups * GROUP) * sizeof(float));
    if (!scratch || !packed || !least) { free(scratch); free(packed); free(least); return -1; }
    for (int64_t q = 0; q < groups * GROUP; q++) {
        int32_t *to = packed + q / GROUP * GROUP * (width / 2) + q % GROUP;
        for (int64_t i = 0; i < width; i += 4)
            for (int pair = 0; pair < 2; pair++, to += GROUP) {
                const int16_t *from = queries + q * width + i + pair;
                *to = (int32_t)((uint32_t)(uint16_t)from[0] | (uint32_t)(uint16_t)from[2] << 16);
            }
        /* a query of the padding takes nothing */
        least[q] = q >= asked ? INFINITY : held[q] < k ? -INFINITY : heaps[q * k].similarity;
    }
    Block block = {.tile = scratch + (64 - ((uintptr_t)scratch & 63)), .width = width};
    int64_t row_at[ROWS], span_at[ROWS];
    int64_t span = 0, row = spans ? begin[0] : 0;
    for (;;) {
        int n = 0;
        while (n < ROWS && span < spans) {
            if (row >= end[span]) { if (++span < spans) row = begin[span]; continue; }
            block.row[n] = rows + row * width; block.scale[n] = (float)scale[row];
            row_at[n] = row++; span_at[n++] = span;
        }
        if (!n) break;
        for (int r = n; r < ROWS; r++) { block.row[r] = block.row[0]; block.scale[r] = 0; }
#ifdef X86
        if (compare == compare_avx2 || compare == compare_avx512) lay_tile(&block);
#endif
        for (int64_t group = 0; group < groups; group++) {
            Found found;
            const int64_t first = group * GROUP;
            compare(&block, queries + first * width, packed + first * (width / 2), factors + first,
                    least + first, &found);
            for (int64_t q = first; q < first + GROUP && q < asked; q++) {
                const uint32_t over = found.over[q - first];
                if (!over) continue;
                for (int r = 0; r < n; r++) {
                    if (!(over >> r & 1)) continue;
                    const int64_t at = row_at[r];
                    const Near item = {found.similarity[q - first][r], start[at],
                                       number[span_at[r]], length[at],
                                       (uint32_t)(at - begin[span_at[r]])};
                    offer(heaps + q * k, held + q, k, &item);
                }
                if (held[q] == k) least[q] = heaps[q * k].similarity;
            }
        }
    }
    free(scratch); free(packed); free(least);
    return 0;
}

/* Put each query's entries in order, best first. */
EXPORT void em_nearest_order(Near *heaps, const int64_t *held, int64_t asked, int64_t k) {
    for (int64_t q = 0; q < asked; q++) {
        Near *heap = heaps + q * k;
        for (int64_t n = held[q] - 1; n > 0; n--) {
            const Near last = heap[n];
            heap[n] = heap[0];
            sink(heap, n, 0, last);
        }
    }
}
