/* The card that comes along: gp_card on memory of this file, with an application that gives back what it is sent. */
#ifndef CARD_H
#define CARD_H

#include "gp.h"

/* Powers the card up, with this key set as version 30 hexadecimal. What it stored before is still there, unless `fresh`. */
gp_status card_power_on(const gp_key_set *keys, uint8_t i, int fresh);

/* Sends a command, receives the answer: how many octets, or 0 when it is too long for either side. */
size_t card_transmit(const uint8_t *command, size_t command_len, uint8_t *response, size_t response_cap);

/* A reset: sessions end. */
gp_status card_reset(void);

void card_power_off(void);

/* Until the next start the power fails in the middle of a write to the flash, after so many whole ones. */
void card_cut_power(uint32_t writes);

/* 1 when it did. */
int card_power_failed(void);

/* How many instances of the application were made since the program began. */
extern unsigned card_installed;

/* Applications to take the place of this one at the next start; null for none. */
extern const gp_applets *card_applets;

/* AIDs of the application. */
extern const uint8_t card_load_file[6];
extern const uint8_t card_module[7];
extern const uint8_t card_instance[8];

#endif
