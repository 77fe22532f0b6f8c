//! The C interface: any calls in any order, with any numbers, inside memory that is as large as is said.

use core::ffi::c_void;
use core::{mem, ptr};

use arbitrary::Arbitrary;
use gp_apdu::Command;
use gp_ffi::abi::*;
use gp_ffi::status::{GP_OK, gp_status};
use gp_tlv::Reader;

/// Octets that nobody writes to, and what is called.
#[derive(Arbitrary, Debug)]
pub struct Ffi<'a> {
    data: &'a [u8],
    long: bool,
    calls: Vec<Call>,
}

/// Octets of an argument: a part of the input's data, of a buffer that others write to, or null.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Octets {
    Data(u16, u16),
    Buffer(bool, u8, u8),
    Null(u8),
}

/// One call; `bool` numbers one of two contexts, buffers alike.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Call {
    TlvNext(Octets, u8),
    TlvFind(Octets, [u32; 2], u8),
    TlvPut(bool, u32, Octets),
    TlvOpen(bool, u32),
    TlvClose(bool, u16),
    CommandParse(Octets),
    CommandBuild(bool, [u8; 4], Octets, u32, u8),
    ResponseParse(Octets),
    ResponseBuild(bool, Octets, u16),
    BufferEmpty(bool),
    KeySetInit(bool, [u8; 3], u8),
    KeySetClose(bool),
    SessionInit {
        which: bool,
        octets: Octets,
        channel: u8,
        version: u8,
    },
    SessionInitializeUpdate(bool, bool),
    SessionChallenged(bool, Octets),
    SessionAuthenticate(bool, bool, u8, bool),
    SessionConfirm(bool, Octets),
    SessionWrap(bool, bool),
    SessionUnwrap(bool, bool),
    SessionAsk(bool),
    SessionClose(bool),
    /// All steps of a handshake with the card, as a program should.
    SessionOpen(bool, u8),
    /// What is in the buffer goes to the card, and what it answers comes into it.
    ToCard(bool),
    HostInit(bool, u16, u16),
    HostAdopt(bool, bool),
    HostChannel(bool, u8),
    /// Sends what there is to the card, or takes these octets for its answer; `claim` octets are said to have come.
    HostExchange {
        which: bool,
        card: bool,
        octets: Octets,
        claim: Option<u16>,
    },
    /// Goes on with the card to the end of the operation.
    HostRun(bool),
    HostAnswer(bool),
    HostAbandon(bool),
    HostReset(bool),
    HostClose(bool),
    HostSelect(bool, [u16; 2]),
    HostGetData(bool, u16),
    HostGetStatus(bool, u8),
    HostInstall(bool, [[u16; 2]; 6]),
    HostLoad(bool, [[u16; 2]; 6], u8),
    HostDelete(bool, [u16; 2], u8),
    HostDeleteKeys(bool, u8),
    HostPutKeys(bool, u8, u8),
    HostSetStatus(bool, u8, u8, [u16; 2]),
    HostStoreData(bool, u8, [u16; 2], [u16; 2]),
    HostRaw(bool, [u8; 4], [u16; 2], u32, u8),
    DrbgInit(Octets, Octets),
    DrbgReseed(Octets, Octets),
    DrbgGenerate(bool, u8, Octets),
    DrbgClose,
    CardReset,
    CardReopen,
    StatusText(i32),
}

/// Octets around each buffer that nobody may touch.
const GUARD: usize = 32;
const ROOM: usize = 600;

/// Everything that C would set aside. The boxes stay where they are.
struct World<'a> {
    data: &'a [u8],
    sessions: Box<[gp_session; 2]>,
    hosts: Box<[gp_host; 2]>,
    sets: Box<[gp_key_set; 2]>,
    /// Those that the card and operations of the hosts use: open to the end.
    kept: Box<[gp_key_set; 2]>,
    drbg: Box<gp_drbg>,
    card: Box<gp_card>,
    buffers: Box<[gp_buf; 2]>,
    memory: [Vec<u8>; 2],
    host_memory: [[Vec<u8>; 2]; 2],
    /// Arrays of parts that an operation may still use.
    parts: Vec<Box<[gp_slice]>>,
    card_memory: Box<CardMemory>,
    i: u8,
}

struct CardMemory {
    registry: Vec<gp_registry_entry>,
    keys: Vec<gp_key_slot>,
    objects: Vec<gp_object_slot>,
    channels: Vec<gp_channel>,
    chain: Vec<u8>,
    flash: [Vec<u8>; 2],
    set: gp_factory_keys,
    drawn: u8,
}

/// Contexts lie in zeroed memory before they are initialised.
fn zeroed<T>() -> T {
    // SAFETY: used for the contexts alone, which are arrays of numbers.
    unsafe { mem::zeroed() }
}

/// Makes the calls, and checks after each:
///
/// - the status is one that has a text;
/// - nothing outside a buffer's room was written, nor anything that is only read; a buffer's length is within its room, and
///   as before where a call failed;
/// - what is told to lie in an argument lies there, and is what the Rust interface finds.
pub fn ffi(input: &Ffi<'_>) {
    let mut world = Box::new(World::new(input));
    let copy = input.data.to_vec();
    world.open_card();
    for call in input.calls.iter().take(64) {
        let before = [world.buffers[0].len, world.buffers[1].len];
        let status = world.call(*call);
        if let Some(status) = status {
            // SAFETY: never null, and ended by a zero octet.
            let text = unsafe { core::ffi::CStr::from_ptr(gp_status_text(status)) };
            assert!(!text.is_empty(), "{status} has no text");
            if status != GP_OK && !matches!(call, Call::ToCard(_) | Call::SessionOpen(..) | Call::SessionUnwrap(..)) {
                assert_eq!(before, [world.buffers[0].len, world.buffers[1].len], "{call:?}");
            }
        }
        for (buffer, memory) in world.buffers.iter().zip(&world.memory) {
            assert!(buffer.len <= buffer.cap && buffer.cap == ROOM);
            assert!(memory[..GUARD].iter().chain(&memory[GUARD + ROOM..]).all(|octet| *octet == 0xC7));
        }
        assert_eq!(input.data, copy);
    }
    // SAFETY: they are open or zeroed. The card borrows key sets and goes first.
    unsafe {
        gp_card_close(&raw mut *world.card);
        for at in 0..2 {
            gp_host_close(&raw mut world.hosts[at]);
            gp_session_close(&raw mut world.sessions[at]);
            gp_key_set_close(&raw mut world.sets[at]);
            gp_key_set_close(&raw mut world.kept[at]);
        }
        gp_drbg_close(&raw mut *world.drbg);
    }
}

impl<'a> World<'a> {
    fn new(input: &Ffi<'a>) -> Self {
        let mut memory = [vec![0xC7; ROOM + 2 * GUARD], vec![0xC7; ROOM + 2 * GUARD]];
        let buffers = memory.each_mut().map(|memory| gp_buf { ptr: memory[GUARD..].as_mut_ptr(), len: 0, cap: ROOM });
        Self {
            data: input.data,
            sessions: Box::new(zeroed()),
            hosts: Box::new(zeroed()),
            sets: Box::new(zeroed()),
            kept: Box::new(zeroed()),
            drbg: Box::new(zeroed()),
            card: Box::new(zeroed()),
            buffers: Box::new(buffers),
            memory,
            host_memory: core::array::from_fn(|_| [vec![0; ROOM], vec![0; ROOM]]),
            parts: vec![],
            card_memory: Box::new(CardMemory {
                registry: (0..8).map(|_| zeroed()).collect(),
                keys: (0..9).map(|_| zeroed()).collect(),
                objects: (0..4).map(|_| zeroed()).collect(),
                channels: (0..2).map(|_| zeroed()).collect(),
                chain: vec![0; 600],
                flash: [vec![0xFF; 4096], vec![0xFF; 4096]],
                set: gp_factory_keys { version: 0x30, keys: ptr::null() },
                drawn: 0,
            }),
            i: if input.long { 0x71 } else { 0x70 },
        }
    }

    fn open_card(&mut self) {
        for (at, octet) in [0x40, 0x51].into_iter().enumerate() {
            let key = [octet; 16];
            // SAFETY: a zeroed or open context, and keys of that length.
            let status =
                unsafe { gp_key_set_init(&raw mut self.kept[at], key.as_ptr(), key.as_ptr(), key.as_ptr(), 16) };
            assert!(status == GP_OK || status == gp_ffi::status::GP_E_STATE);
        }
        let memory = &mut *self.card_memory;
        memory.set.keys = &raw const self.kept[0];
        let profile = gp_profile {
            key_sets: &raw const memory.set,
            key_sets_len: 1,
            isd: gp_slice { ptr: ptr::null(), len: 0 },
            i: self.i,
            diversification: [7; 10],
            max_failures: 0,
        };
        let slots = gp_card_memory {
            registry: memory.registry.as_mut_ptr(),
            registry_len: memory.registry.len(),
            keys: memory.keys.as_mut_ptr(),
            keys_len: memory.keys.len(),
            objects: memory.objects.as_mut_ptr(),
            objects_len: memory.objects.len(),
            channels: memory.channels.as_mut_ptr(),
            channels_len: memory.channels.len(),
            chain: memory.chain.as_mut_ptr(),
            chain_len: memory.chain.len(),
        };
        let storage = gp_storage {
            context: memory.flash.as_mut_ptr().cast(),
            slot_size: 4096,
            read: Some(flash_read),
            erase: Some(flash_erase),
            program: Some(flash_program),
        };
        let platform = gp_platform {
            context: (&raw mut memory.drawn).cast(),
            random: Some(random),
            hash_begin: None,
            hash_update: None,
            hash_finish: None,
            check_value: None,
            verify: None,
        };
        // SAFETY: the tables' functions take these contexts, the arrays are there, and stay until the card is closed.
        let status = unsafe {
            gp_card_open(
                &raw mut *self.card,
                &raw const slots,
                &raw const storage,
                &raw const platform,
                ptr::null(),
                &raw const profile,
            )
        };
        assert_eq!(status, GP_OK);
    }

    /// A pointer to the octets of an argument, and how many there are.
    fn octets(&self, octets: Octets) -> (*const u8, usize) {
        match octets {
            Octets::Data(at, length) => {
                let part = self.part([at, length]);
                (part.ptr, part.len)
            }
            Octets::Buffer(which, at, length) => {
                // Anywhere in the room, in use or not.
                let (at, length) = (usize::from(at), usize::from(length));
                (self.buffers[usize::from(which)].ptr.wrapping_add(at).cast_const(), length)
            }
            Octets::Null(0x80..) => (ptr::null(), 0),
            Octets::Null(length) => (ptr::null(), length.into()),
        }
    }

    /// Octets that stay as they are to the end.
    fn part(&self, [at, length]: [u16; 2]) -> gp_slice {
        let at = usize::from(at) % (self.data.len() + 1);
        let length = usize::from(length).min(self.data.len() - at);
        gp_slice { ptr: self.data[at..].as_ptr(), len: length }
    }

    fn buffer(&mut self, which: bool) -> *mut gp_buf {
        &raw mut self.buffers[usize::from(which)]
    }

    /// The card's answer to a command.
    fn card(&mut self, command: &[u8]) -> Vec<u8> {
        let mut apdu = command.to_vec();
        apdu.resize(command.len().max(261), 0);
        // SAFETY: a context, and as much memory as said.
        let length = unsafe { gp_card_process(&raw mut *self.card, apdu.as_mut_ptr(), command.len(), apdu.len()) };
        assert!((2..=apdu.len()).contains(&length));
        apdu.truncate(length);
        apdu
    }

    fn in_use(&self, which: bool) -> &[u8] {
        let at = usize::from(which);
        &self.memory[at][GUARD..GUARD + self.buffers[at].len]
    }

    fn refill(&mut self, which: bool, octets: &[u8]) {
        let at = usize::from(which);
        self.memory[at][GUARD..GUARD + octets.len()].copy_from_slice(octets);
        self.buffers[at].len = octets.len();
    }

    fn call(&mut self, call: Call) -> Option<gp_status> {
        // SAFETY: contexts are zeroed or in use and stay in their boxes; octets are there, as many as said; what an operation
        // keeps is the input's data, which nobody writes to, and key sets that stay open. Of all else the library says that it
        // looks after it: null, overlapping, out of order.
        Some(unsafe {
            match call {
                Call::TlvNext(..) | Call::TlvFind(..) | Call::CommandParse(_) | Call::ResponseParse(_) => {
                    self.read(call)
                }
                Call::TlvPut(which, tag, octets) => {
                    let (value, length) = self.octets(octets);
                    gp_tlv_put(self.buffer(which), tag, value, length)
                }
                Call::TlvOpen(which, tag) => {
                    let mut mark = 0;
                    gp_tlv_open(self.buffer(which), tag, &raw mut mark)
                }
                Call::TlvClose(which, mark) => gp_tlv_close(self.buffer(which), usize::from(mark)),
                Call::CommandBuild(which, [cla, ins, p1, p2], octets, le, extended) => {
                    let (ptr, len) = self.octets(octets);
                    let command =
                        gp_command { cla, ins, p1, p2, data: gp_slice { ptr, len }, le, extended: extended % 3 };
                    gp_command_build(&raw const command, self.buffer(which))
                }
                Call::ResponseBuild(which, octets, status) => {
                    let (data, length) = self.octets(octets);
                    gp_response_build(data, length, status, self.buffer(which))
                }
                Call::BufferEmpty(which) => {
                    self.buffers[usize::from(which)].len = 0;
                    return None;
                }
                Call::KeySetInit(at, octets, length) => {
                    let keys = octets.map(|octet| [octet; 32]);
                    let length = [16, 24, 32, usize::from(length % 33)][usize::from(length) % 4];
                    let set = &raw mut self.sets[usize::from(at)];
                    gp_key_set_init(set, keys[0].as_ptr(), keys[1].as_ptr(), keys[2].as_ptr(), length)
                }
                Call::KeySetClose(at) => {
                    gp_key_set_close(&raw mut self.sets[usize::from(at)]);
                    return None;
                }
                Call::DrbgInit(a, b) => {
                    let (a, b) = (self.octets(a), self.octets(b));
                    gp_drbg_init(&raw mut *self.drbg, a.0, a.1, b.0, b.1)
                }
                Call::DrbgReseed(a, b) => {
                    let (a, b) = (self.octets(a), self.octets(b));
                    gp_drbg_reseed(&raw mut *self.drbg, a.0, a.1, b.0, b.1)
                }
                Call::DrbgGenerate(which, length, octets) => {
                    let (input, input_length) = self.octets(octets);
                    let out = self.buffers[usize::from(which)].ptr;
                    gp_drbg_generate(&raw mut *self.drbg, out, length.into(), input, input_length)
                }
                Call::DrbgClose => {
                    gp_drbg_close(&raw mut *self.drbg);
                    return None;
                }
                Call::CardReset => gp_card_reset(&raw mut *self.card),
                Call::CardReopen => {
                    gp_card_close(&raw mut *self.card);
                    self.open_card();
                    return None;
                }
                Call::ToCard(which) => {
                    let command = self.in_use(which).to_vec();
                    let answer = self.card(&command);
                    self.refill(which, &answer);
                    return None;
                }
                Call::StatusText(status) => {
                    let _ = gp_status_word(status);
                    status
                }
                _ => return self.session(call).or_else(|| self.host(call)),
            }
        })
    }

    /// # Safety
    /// As in [`call`](Self::call).
    unsafe fn read(&self, call: Call) -> gp_status {
        // SAFETY: as there.
        unsafe {
            match call {
                Call::TlvNext(octets, at) => {
                    let (data, length) = self.octets(octets);
                    let (mut offset, mut found) = (usize::from(at), gp_tlv_object { tag: 0, value: self.part([0, 0]) });
                    let status = gp_tlv_next(data, length, &raw mut offset, &raw mut found);
                    if status == GP_OK {
                        let whole = core::slice::from_raw_parts(data, length);
                        let mut reader = Reader::new(&whole[usize::from(at)..]);
                        let tlv = reader.next_tlv().expect("what C reads").expect("an object");
                        assert_eq!((tlv.tag.to_u32(), tlv.value.len()), (found.tag, found.value.len));
                        assert_eq!(offset, usize::from(at) + reader.offset());
                        assert_eq!(found.value.ptr, tlv.value.as_ptr());
                    } else {
                        assert_eq!(offset, usize::from(at));
                    }
                    status
                }
                Call::TlvFind(octets, path, depth) => {
                    let (data, length) = self.octets(octets);
                    let mut found = self.part([0, 0]);
                    let depth = usize::from(depth % 3);
                    let status = gp_tlv_find(data, length, path.as_ptr(), depth, &raw mut found);
                    if status == GP_OK {
                        assert!(found.ptr >= data && found.ptr.addr() + found.len <= data.addr() + length);
                    }
                    status
                }
                Call::CommandParse(octets) => {
                    let (data, length) = self.octets(octets);
                    let nothing = self.part([0, 0]);
                    let mut command = gp_command { cla: 0, ins: 0, p1: 0, p2: 0, data: nothing, le: 0, extended: 0 };
                    let status = gp_command_parse(data, length, &raw mut command);
                    if status == GP_OK {
                        let parsed = Command::parse(core::slice::from_raw_parts(data, length)).expect("what C reads");
                        assert_eq!([command.cla, command.ins, command.p1, command.p2], parsed.header.octets());
                        assert_eq!(command.data.len, parsed.data.len());
                        assert_eq!(command.le, parsed.le.map_or(0, gp_apdu::Le::get));
                        // And back.
                        let mut room = vec![0; length];
                        let mut buffer = gp_buf { ptr: room.as_mut_ptr(), len: 0, cap: length };
                        assert_eq!(gp_command_build(&raw const command, &raw mut buffer), GP_OK);
                        assert_eq!(room, core::slice::from_raw_parts(data, length));
                    }
                    status
                }
                Call::ResponseParse(octets) => {
                    let (data, length) = self.octets(octets);
                    let (mut data_length, mut word) = (0, 0);
                    let status = gp_response_parse(data, length, &raw mut data_length, &raw mut word);
                    if status == GP_OK {
                        assert_eq!(data_length + 2, length);
                    }
                    status
                }
                _ => GP_OK,
            }
        }
    }

    /// # Safety
    /// As in [`call`](Self::call).
    unsafe fn session(&mut self, call: Call) -> Option<gp_status> {
        // SAFETY: as there.
        Some(unsafe {
            match call {
                Call::SessionInit { which, octets, channel, version } => {
                    let (challenge, length) = self.octets(octets);
                    gp_session_init(&raw mut self.sessions[usize::from(which)], challenge, length, channel, version)
                }
                Call::SessionInitializeUpdate(at, which) => {
                    let buffer = self.buffer(which);
                    gp_session_initialize_update(&raw mut self.sessions[usize::from(at)], buffer)
                }
                Call::SessionChallenged(at, octets) => {
                    let (answer, length) = self.octets(octets);
                    let mut info = gp_key_info {
                        diversification: [0; 10],
                        key_version: 0,
                        i: 0,
                        sequence: [0; 3],
                        has_sequence: 0,
                    };
                    gp_session_challenged(&raw mut self.sessions[usize::from(at)], answer, length, &raw mut info)
                }
                Call::SessionAuthenticate(at, set, level, which) => {
                    let buffer = self.buffer(which);
                    let set = &raw const self.sets[usize::from(set)];
                    gp_session_authenticate(&raw mut self.sessions[usize::from(at)], set, level, buffer)
                }
                Call::SessionConfirm(at, octets) => {
                    let (answer, length) = self.octets(octets);
                    gp_session_confirm(&raw mut self.sessions[usize::from(at)], answer, length)
                }
                Call::SessionWrap(at, which) => {
                    let buffer = self.buffer(which);
                    gp_session_wrap(&raw mut self.sessions[usize::from(at)], buffer)
                }
                Call::SessionUnwrap(at, which) => {
                    let buffer = self.buffer(which);
                    let mut reply = gp_reply { kind: 0, status_word: 0 };
                    let session = &raw mut self.sessions[usize::from(at)];
                    let level = gp_session_level(session);
                    let status = gp_session_unwrap(session, buffer, &raw mut reply);
                    if status == GP_OK {
                        assert!([GP_REPLY_AUTHENTIC, GP_REPLY_PLAIN, GP_REPLY_REFUSED].contains(&reply.kind));
                        assert_eq!(
                            reply.kind == GP_REPLY_AUTHENTIC,
                            level & 0x10 != 0 && reply.kind != GP_REPLY_REFUSED
                        );
                    }
                    status
                }
                Call::SessionAsk(at) => {
                    let session = &raw const self.sessions[usize::from(at)];
                    let open = gp_session_level(session) >= 0;
                    assert!(open || gp_session_max_data(session) == 0);
                    return None;
                }
                Call::SessionClose(at) => {
                    gp_session_close(&raw mut self.sessions[usize::from(at)]);
                    return None;
                }
                Call::SessionOpen(at, level) => {
                    let session = &raw mut self.sessions[usize::from(at)];
                    gp_session_close(session);
                    let challenge = [0x33; 16];
                    let length = if self.i & 1 == 0 { 8 } else { 16 };
                    assert_eq!(gp_session_init(session, challenge.as_ptr(), length, 0, 0x30), GP_OK);
                    let buffer = self.buffer(false);
                    assert_eq!(gp_session_initialize_update(session, buffer), GP_OK);
                    let command = self.in_use(false).to_vec();
                    let answer = self.card(&command);
                    let status = gp_session_challenged(session, answer.as_ptr(), answer.len(), ptr::null_mut());
                    if status != GP_OK {
                        return Some(status);
                    }
                    let level = [0x01, 0x03, 0x11, 0x13, 0x33, 0x00][usize::from(level) % 6];
                    let status = gp_session_authenticate(session, &raw const self.kept[0], level, buffer);
                    if status != GP_OK {
                        return Some(status);
                    }
                    let command = self.in_use(false).to_vec();
                    let answer = self.card(&command);
                    assert_eq!(answer, [0x90, 0x00]);
                    assert_eq!(gp_session_confirm(session, answer.as_ptr(), 2), GP_OK);
                    assert_eq!(gp_session_level(session), i32::from(level));
                    GP_OK
                }
                _ => return None,
            }
        })
    }

    /// # Safety
    /// As in [`call`](Self::call).
    unsafe fn host(&mut self, call: Call) -> Option<gp_status> {
        // SAFETY: as there.
        Some(unsafe {
            match call {
                Call::HostInit(at, command, response) => {
                    let [a, b] = &mut self.host_memory[usize::from(at)];
                    let (command, response) = (usize::from(command) % (ROOM + 1), usize::from(response) % (ROOM + 1));
                    gp_host_init(
                        &raw mut self.hosts[usize::from(at)],
                        a.as_mut_ptr(),
                        command,
                        b.as_mut_ptr(),
                        response,
                    )
                }
                Call::HostAdopt(at, session) => {
                    gp_host_adopt(&raw mut self.hosts[usize::from(at)], &raw mut self.sessions[usize::from(session)])
                }
                Call::HostChannel(at, channel) => gp_host_set_channel(&raw mut self.hosts[usize::from(at)], channel),
                Call::HostExchange { which, card, octets, claim } => self.exchange(which, card, octets, claim).0,
                Call::HostRun(at) => {
                    for _ in 0..40 {
                        let (status, more) = self.exchange(at, true, Octets::Null(0), None);
                        if status != GP_OK || more == 0 {
                            return Some(status);
                        }
                    }
                    return None;
                }
                Call::HostAnswer(at) => {
                    let mut answer =
                        gp_answer { data: self.part([0, 0]), status_word: 0, kind: 0, channel: 0, entries: 0 };
                    let status = gp_host_answer(&raw const self.hosts[usize::from(at)], &raw mut answer);
                    if status == GP_OK && answer.data.len > 0 {
                        let room = &self.host_memory[usize::from(at)][1];
                        let inside = room.as_ptr_range();
                        assert!(
                            inside.start <= answer.data.ptr
                                && answer.data.ptr.wrapping_add(answer.data.len) <= inside.end
                        );
                    }
                    status
                }
                Call::HostAbandon(at) => gp_host_abandon(&raw mut self.hosts[usize::from(at)]),
                Call::HostReset(at) => gp_host_reset(&raw mut self.hosts[usize::from(at)]),
                Call::HostClose(at) => {
                    gp_host_close(&raw mut self.hosts[usize::from(at)]);
                    return None;
                }
                _ => return self.operation(call),
            }
        })
    }

    /// # Safety
    /// As in [`call`](Self::call).
    unsafe fn operation(&mut self, call: Call) -> Option<gp_status> {
        // SAFETY: as there.
        Some(unsafe {
            let hosts = self.hosts.as_mut_ptr();
            let host = |at: bool| hosts.wrapping_add(usize::from(at));
            match call {
                Call::HostSelect(at, name) => gp_host_select(host(at), self.part(name)),
                Call::HostGetData(at, tag) => gp_host_get_data(host(at), tag),
                Call::HostGetStatus(at, subset) => {
                    let subset = [0x80, 0x40, 0x20, 0x10, subset][usize::from(subset) % 5];
                    gp_host_get_status(host(at), subset, Some(visit), ptr::null_mut())
                }
                Call::HostInstall(at, fields) => {
                    let [load_file, module, application, privileges, parameters, token] =
                        fields.map(|field| self.part(field));
                    let install = gp_install { load_file, module, application, privileges, parameters, token };
                    gp_host_install(host(at), &raw const install)
                }
                Call::HostLoad(at, fields, count) => {
                    let [load_file, security_domain, hash, parameters, token, part] =
                        fields.map(|field| self.part(field));
                    let parts = vec![part; usize::from(count % 4)].into_boxed_slice();
                    let (parts_ptr, parts_len) = (parts.as_ptr(), parts.len());
                    self.parts.push(parts);
                    let load = gp_load {
                        load_file,
                        security_domain,
                        hash,
                        parameters,
                        token,
                        parts: parts_ptr,
                        parts_len,
                        head: gp_slice { ptr: ptr::null(), len: 0 },
                        block_len: 0,
                    };
                    gp_host_load(host(at), &raw const load)
                }
                Call::HostDelete(at, name, related) => gp_host_delete(host(at), self.part(name), related % 3),
                Call::HostDeleteKeys(at, version) => gp_host_delete_keys(host(at), version),
                Call::HostPutKeys(at, replaces, version) => {
                    let (new, current) = (&raw const self.kept[1], &raw const self.kept[0]);
                    gp_host_put_keys(host(at), replaces, version, new, current)
                }
                Call::HostSetStatus(at, subset, state, name) => {
                    let subset = [0x80, 0x40, 0x60, subset][usize::from(subset) % 4];
                    gp_host_set_status(host(at), subset, state, self.part(name))
                }
                Call::HostStoreData(at, structure, data, application) => {
                    gp_host_store_data(host(at), structure % 4, self.part(data), self.part(application))
                }
                Call::HostRaw(at, [cla, ins, p1, p2], data, le, extended) => {
                    let command = gp_command { cla, ins, p1, p2, data: self.part(data), le, extended: extended % 3 };
                    gp_host_raw(host(at), &raw const command)
                }
                _ => return None,
            }
        })
    }

    /// One exchange of an operation.
    ///
    /// # Safety
    /// As in [`call`](Self::call).
    unsafe fn exchange(&mut self, at: bool, card: bool, octets: Octets, claim: Option<u16>) -> (gp_status, u8) {
        let at = usize::from(at);
        let (mut command, mut room) = (self.part([0, 0]), gp_buf { ptr: ptr::null_mut(), len: 0, cap: 0 });
        // SAFETY: as there; what the host tells of its own buffers is so.
        unsafe {
            let status = gp_host_io(&raw mut self.hosts[at], &raw mut command, &raw mut room);
            if status != GP_OK {
                return (status, 0);
            }
            let wire = core::slice::from_raw_parts(command.ptr, command.len).to_vec();
            Command::parse(&wire).expect("the host sends commands");
            let answer = match card {
                true => self.card(&wire),
                false => {
                    let (octets, length) = self.octets(octets);
                    if octets.is_null() { vec![] } else { core::slice::from_raw_parts(octets, length).to_vec() }
                }
            };
            let length = answer.len().min(room.cap);
            ptr::copy_nonoverlapping(answer.as_ptr(), room.ptr, length);
            let mut more = 0;
            let received = claim.map_or(length, usize::from);
            (gp_host_digest(&raw mut self.hosts[at], received, &raw mut more), more)
        }
    }
}

unsafe extern "C" fn visit(_: *mut c_void, entry: *const gp_entry) -> i32 {
    // SAFETY: the library shows an entry.
    let entry = unsafe { &*entry };
    assert!(entry.aid.len <= 16);
    0
}

unsafe extern "C" fn random(context: *mut c_void, out: *mut u8, length: usize) -> i32 {
    // SAFETY: the context is that of the table, and there is so much room.
    unsafe {
        let drawn = context.cast::<u8>();
        *drawn = (*drawn).wrapping_add(1);
        out.write_bytes(*drawn, length);
    }
    0
}

/// # Safety
/// The context is that of the table.
unsafe fn slot<'a>(context: *mut c_void, slot: u8) -> &'a mut Vec<u8> {
    // SAFETY: two slots.
    unsafe { &mut *context.cast::<Vec<u8>>().add(usize::from(slot)) }
}

unsafe extern "C" fn flash_read(context: *mut c_void, number: u8, at: u32, out: *mut u8, length: usize) -> i32 {
    // SAFETY: as the table says.
    unsafe {
        let octets = &slot(context, number)[at as usize..][..length];
        ptr::copy_nonoverlapping(octets.as_ptr(), out, length);
    }
    0
}

unsafe extern "C" fn flash_erase(context: *mut c_void, number: u8) -> i32 {
    // SAFETY: as the table says.
    unsafe { slot(context, number) }.fill(0xFF);
    0
}

unsafe extern "C" fn flash_program(context: *mut c_void, number: u8, at: u32, unit: *const u8) -> i32 {
    // SAFETY: as the table says.
    unsafe {
        let place = &mut slot(context, number)[at as usize..][..GP_STORAGE_UNIT];
        assert!(place.iter().all(|octet| *octet == 0xFF), "programmed twice");
        ptr::copy_nonoverlapping(unit, place.as_mut_ptr(), GP_STORAGE_UNIT);
    }
    0
}
