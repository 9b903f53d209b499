/* The least that any reader of a journal has to do: journal_floor MATCH FILE... takes the MESSAGE of
 * every entry that matches. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: journal_floor MATCH FILE...\n");
        return 2;
    }
    sd_journal *journal;
    int result = sd_journal_open_files(&journal, (const char **) argv + 2, 0);
    if (result >= 0)
        result = sd_journal_add_match(journal, argv[1], 0);
    uint64_t entries = 0, bytes = 0;
    while (result >= 0 && (result = sd_journal_next(journal)) > 0) {
        const void *data;
        size_t length;
        entries++;
        if (sd_journal_get_data(journal, "MESSAGE", &data, &length) >= 0)
            bytes += length;
    }
    if (result < 0) {
        fprintf(stderr, "journal_floor: %s\n", strerror(-result));
        return 1;
    }
    printf("%" PRIu64 " entries, %" PRIu64 " bytes\n", entries, bytes);
    sd_journal_close(journal);
    return 0;
}
