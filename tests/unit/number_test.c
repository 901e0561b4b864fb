/* number_test.c - numbers to text and back: shortest, nearest, exact.
 * SPDX-License-Identifier: MIT
 */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/test.h"

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t
next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct atl_number
read_text(const char *text)
{
    struct atl_number n;
    size_t len = strlen(text);
    char *copy = malloc(len); /* not terminated: a read behind it is seen */

    memcpy(copy, text, len);
    atl_number_read(&n, copy, copy + len);
    n.end = text + (n.end - copy);
    free(copy);
    return n;
}

static const char *
write_real(double real)
{
    static char text[ATL_NUMBER_ROOM + 1];
    char *end = atl_number_write(text, real);

    CHECK(end - text <= ATL_NUMBER_ROOM);
    *end = '\0';
    return text;
}

static const char *
write_integer(int64_t integer)
{
    static char text[ATL_NUMBER_ROOM + 1];

    *atl_number_write_integer(text, integer) = '\0';
    return text;
}

/* The bits decide: -0 isn't 0. */
static bool
same(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static double
value_of(const struct atl_number *n)
{
    return n->kind == ATL_NUMBER_INTEGER ? (double)n->integer : n->real;
}

static void
check_reads_like_strtod(const char *text)
{
    struct atl_number n = read_text(text);
    double want = strtod(text, NULL);

    if (n.kind == ATL_NUMBER_BIG)
        CHECK(strpbrk(text, ".eE") == NULL);
    if (*n.end != '\0')
        fail_msg("%s: ends at \"%s\"", text, n.end);
    if (isinf(want) && n.kind != ATL_NUMBER_BIG) {
        CHECK_INT(n.kind, ATL_NUMBER_HUGE);
        return;
    }
    if (!same(value_of(&n), want))
        fail_msg("%s: %.17g, not %.17g", text, value_of(&n), want);
}

TEST(an_integer_of_64_bits_is_exact)
{
    struct atl_number n = read_text("9223372036854775807");

    CHECK_INT(n.kind, ATL_NUMBER_INTEGER);
    CHECK_INT(n.integer, INT64_MAX);
    n = read_text("-9223372036854775808");
    CHECK_INT(n.kind, ATL_NUMBER_INTEGER);
    CHECK_INT(n.integer, INT64_MIN);
    CHECK_INT(read_text("0").integer, 0);
    CHECK_INT(read_text("-12345678").integer, -12345678);
    CHECK_INT(read_text("123456789012345678").integer, 123456789012345678);
}

TEST(an_integer_beyond_64_bits_is_told_apart)
{
    struct atl_number n = read_text("9223372036854775808");

    CHECK_INT(n.kind, ATL_NUMBER_BIG);
    CHECK(same(n.real, 9223372036854775808.0));
    n = read_text("-9223372036854775809");
    CHECK_INT(n.kind, ATL_NUMBER_BIG);
    CHECK(same(n.real, -9223372036854775808.0));
    /* Digits that are 0 again in 64 bits. */
    n = read_text("-18446744073709551616");
    CHECK_INT(n.kind, ATL_NUMBER_BIG);
    CHECK(same(n.real, -18446744073709551616.0));
    CHECK_INT(read_text("100000000000000000000000000").kind, ATL_NUMBER_BIG);
}

TEST(minus_zero_keeps_its_sign)
{
    struct atl_number n = read_text("-0");

    CHECK_INT(n.kind, ATL_NUMBER_REAL);
    CHECK(same(n.real, -0.0));
    CHECK(same(read_text("-0.0e9").real, -0.0));
    CHECK_STR(write_real(-0.0), "-0");
    CHECK_STR(write_real(0.0), "0");
}

TEST(what_is_no_number_ends_at_the_bad_byte)
{
    static const struct {
        const char *text;
        int bad;
    } cases[] = {
        {"-", 1},   {"-a", 1},   {"01", 1},   {"-01", 2},   {"1.", 2},
        {"1.x", 2}, {"1e", 2},   {"1e+", 3},  {"1E-x", 3},  {"-.5", 1},
        {"00", 1},  {"0.e1", 2}, {"1.e1", 2}, {"1e+-1", 3},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct atl_number n = read_text(cases[i].text);

        CHECK_INT(n.kind, ATL_NUMBER_BAD);
        CHECK_INT(n.end - cases[i].text, cases[i].bad);
    }
}

TEST(a_number_ends_where_its_grammar_ends)
{
    CHECK_STR(read_text("1,2").end, ",2");
    CHECK_STR(read_text("1.5.5").end, ".5");
    CHECK_STR(read_text("0x10").end, "x10");
    CHECK_STR(read_text("1e5e5").end, "e5");
    CHECK_STR(read_text("12 ").end, " ");
    CHECK_STR(read_text("123456789a").end, "a");
    CHECK_STR(read_text("1234567890123456/").end, "/");
    CHECK_STR(read_text("1234567890123456:").end, ":");
}

TEST(eight_bytes_that_are_not_all_digits_are_none)
{
    int position, byte;

    for (position = 0; position < 8; position++)
        for (byte = 1; byte < 256; byte++) {
            char text[] = "112345678";

            text[1 + position] = (char)byte;
            if (strchr("0123456789.eE", byte) == NULL)
                CHECK_INT(read_text(text).end - text, 1 + position);
        }
}

TEST(too_large_and_too_small)
{
    CHECK_INT(read_text("1e400").kind, ATL_NUMBER_HUGE);
    CHECK_INT(read_text("-1e309").kind, ATL_NUMBER_HUGE);
    CHECK_INT(read_text("1e99999999999999999999").kind, ATL_NUMBER_HUGE);
    CHECK_INT(read_text("1.7976931348623159e308").kind, ATL_NUMBER_HUGE);
    CHECK(same(read_text("1.7976931348623157e308").real, DBL_MAX));
    CHECK(same(read_text("1e-400").real, 0.0));
    CHECK(same(read_text("-1e-99999999999999999999").real, -0.0));
    CHECK(same(read_text("0e99999999999999999999").real, 0.0));
    CHECK(same(read_text("5e-324").real, 5e-324));
    CHECK(same(read_text("2.4703282292062327e-324").real, 0.0));
    CHECK(same(read_text("2.4703282292062328e-324").real, 5e-324));
}

/* Digits that the exponent makes up for. */
TEST(many_zeros_and_a_large_exponent)
{
    char *text = malloc(100100);

    strcpy(text, "0.");
    memset(text + 2, '0', 100000);
    strcpy(text + 100002, "1e100001");
    CHECK(same(read_text(text).real, 1.0));
    text[0] = '1';
    memset(text + 1, '0', 100000);
    strcpy(text + 100001, "e-100000");
    CHECK(same(read_text(text).real, 1.0));
    free(text);
}

TEST(the_middle_between_two_doubles_goes_to_the_even_one)
{
    static const char *const texts[] = {
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740993.00000000000000000000000000000000000000000000001",
        "9007199254740992.99999999999999999999999999999999999999999999999",
        "9007199254740995e0",
        "900719925474099500000e-5",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "1.0000000000000003330669073875469621270895004272460937500",
        "8.9884656743115805365666807213050294962762414131308158973971342756"
        "154045415486693752413698006024096935349884403114202125541629105368"
        "684610e307",
        "7.4109846876186981626485318930233205854758970392148714663837852375e"
        "-323",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "2.2250738585072014e-308",
        "6.631236846766476e-316",
        "3237883913302901289588352412501532174863037669423108059901297049552301"
        "9706706765657868357425877995578606157765598382834355143910841531692526"
        "89"
        "1905643964595773946180389283653051434639551003566966656292020173313440"
        "31"
        "7300443693602052583458034314716600326995807313009548483639755486900107"
        "51"
        "5300188817581841745696521731104736960227499346384253806233697747365600"
        "08"
        "9974040609674980283891918789639685754392222064169814626901133425240027"
        "24"
        "3859416510512935526014211553334302252372915238433223313261384314778235"
        "91"
        "1424088000307751706259156707286570031519536642607698224949379518458015"
        "30"
        "8952384398197084033899378732414634842056080000272705311068273879077914"
        "44"
        "9185347715987501628125488627684932015189916680282517302999531439241685"
        "45"
        "708663913273994694463908672332763671875E-1010",
    };
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_reads_like_strtod(texts[i]);
}

TEST(random_texts_are_read_as_the_nearest_double)
{
    char text[1024];
    int i, k;

    for (i = 0; i < 200000; i++) {
        int whole = (int)(next_random() % (i % 100 == 0 ? 400 : 20));
        int fraction = (int)(next_random() % (i % 100 == 1 ? 400 : 20));
        char *p = text;

        if (next_random() % 2)
            *p++ = '-';
        *p++ = (char)(whole > 0 ? '1' + next_random() % 9 : '0');
        for (k = 1; k < whole; k++)
            *p++ = (char)('0' + next_random() % 10);
        if (fraction > 0)
            *p++ = '.';
        for (k = 0; k < fraction; k++)
            *p++ = (char)('0' + (i % 3 ? next_random() % 10 : 0));
        *p = '\0';
        if (next_random() % 2)
            sprintf(p, "e%d", (int)(next_random() % 680) - 340);
        check_reads_like_strtod(text);
    }
}

/* A double whose text has few digits, many, few bits, or is subnormal. */
static double
random_real(int kind)
{
    uint64_t bits = next_random();
    double real;

    switch (kind % 6) {
    case 0:
        break;
    case 1:
        bits &= ~0xffffffffu;
        break;
    case 2: /* near 1 */
        bits = (bits & 0x000fffffffffffffu) | (1003 + bits % 80) << 52;
        break;
    case 3: /* a power of 2, where the doubles get wider apart */
        bits &= 0xfff0000000000000u;
        break;
    case 4:
        return (double)(bits % 1000000) / (double)(1 + bits / 1000000 % 1000);
    default:
        bits &= 0x001fffffffffffffu >> next_random() % 50;
    }
    memcpy(&real, &bits, sizeof(real));
    return real;
}

/* The digits of a number's text, without zeros around them. */
static void
get_digits(const char *text, char *digits)
{
    size_t count = 0;

    for (; *text != '\0' && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0'))
            digits[count++] = *text;
    while (count > 0 && digits[count - 1] == '0')
        count--;
    digits[count] = '\0';
}

TEST(random_doubles_have_the_shortest_text_that_is_read_as_them)
{
    char text[64], digits[64], want[64];
    struct atl_number n;
    int i, precision;

    for (i = 0; i < 200000; i++) {
        double real = random_real(i);

        if (!isfinite(real))
            continue;
        strcpy(text, write_real(real));
        n = read_text(text);
        if (*n.end != '\0' || !same(value_of(&n), real) ||
            !same(strtod(text, NULL), real))
            fail_msg("%.17g is written as %s", real, text);
        get_digits(text, digits);
        for (precision = 0; precision < 17; precision++) {
            snprintf(text, sizeof(text), "%.*e", precision, real);
            if (strtod(text, NULL) == real)
                break;
        }
        get_digits(text, want);
        /* At a power of 2 there may be a shorter one than printf's nearest. */
        if (strlen(digits) > strlen(want) ||
            (strlen(digits) == strlen(want) && strcmp(digits, want) != 0 &&
             i % 6 != 3))
            fail_msg("%.17g is written as %s, not %s", real, digits, want);
    }
}

TEST(how_numbers_are_written)
{
    CHECK_STR(write_real(1), "1");
    CHECK_STR(write_real(-1.5), "-1.5");
    CHECK_STR(write_real(0.1), "0.1");
    CHECK_STR(write_real(100), "100");
    CHECK_STR(write_real(123456.789), "123456.789");
    CHECK_STR(write_real(0.0001), "0.0001");
    CHECK_STR(write_real(0.00012345), "0.00012345");
    CHECK_STR(write_real(0.00001), "1e-5");
    CHECK_STR(write_real(1e21), "1e21");
    CHECK_STR(write_real(1.5e300), "1.5e300");
    CHECK_STR(write_real(9007199254740991.0), "9007199254740991");
    CHECK_STR(write_real(9007199254740992.0), "9007199254740992");
    CHECK_STR(write_real(-9007199254740992.0), "-9007199254740992");
    CHECK_STR(write_real(9007199254740994.0), "9.007199254740994e15");
    CHECK_STR(write_real(4503599627370495.5), "4503599627370495.5");
    CHECK_STR(write_real(1152921504606846976.0), "1.152921504606847e18");
    CHECK_STR(write_real(5e-324), "5e-324");
    CHECK_STR(write_real(DBL_MIN), "2.2250738585072014e-308");
    CHECK_STR(write_real(-DBL_MAX), "-1.7976931348623157e308");
    CHECK_STR(write_real(1.0 / 3), "0.3333333333333333");
    CHECK_STR(write_real(2e-3 / 3), "0.0006666666666666666");
}

TEST(every_power_of_ten_and_of_two)
{
    char text[32];
    int e;

    for (e = -323; e <= 308; e++) {
        sprintf(text, "1e%d", e);
        check_reads_like_strtod(text);
        CHECK(same(strtod(write_real(strtod(text, NULL)), NULL),
                   strtod(text, NULL)));
    }
    for (e = -1074; e <= 1023; e++) {
        struct atl_number n = read_text(write_real(ldexp(1, e)));

        CHECK(same(value_of(&n), ldexp(1, e)));
    }
}

TEST(integers_are_written_with_all_digits)
{
    int64_t power;
    int digits;

    CHECK_STR(write_integer(INT64_MIN), "-9223372036854775808");
    CHECK_STR(write_integer(INT64_MAX), "9223372036854775807");
    CHECK_STR(write_integer(0), "0");
    for (power = 1, digits = 1; digits <= 18; digits++, power *= 10) {
        char want[32];

        snprintf(want, sizeof(want), "%lld", (long long)power);
        CHECK_STR(write_integer(power), want);
        snprintf(want, sizeof(want), "%lld", (long long)(power - 1));
        CHECK_STR(write_integer(power - 1), want);
        snprintf(want, sizeof(want), "%lld", (long long)-power);
        CHECK_STR(write_integer(-power), want);
    }
}
