//! The machine: start, console, end, and instruments. Everything goes through the emulator's semihosting, which is also
//! what a debug probe offers, so that no peripheral is needed.
//!
//! The only `unsafe` of the example is here, in the start-up code, and where `residue` reads the schedule in a cipher.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_arch = "arm")]
core::arch::global_asm!(include_str!("start_arm.s"), FPU = const cfg!(target_abi = "eabihf") as u32);
#[cfg(target_arch = "riscv32")]
core::arch::global_asm!(include_str!("start_riscv.s"));

/// Names the function that runs once memory is set up. A panic prints what it says and ends the program; in one that is
/// built to be weighed it does nothing, so that a panic that is reachable shows as itself and not as the text of it.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        $crate::entry!(silent $main);

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $crate::say!("{info}");
            $crate::board::exit(false)
        }
    };
    (weighed $main:path) => {
        $crate::entry!(silent $main);

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            loop {}
        }
    };
    (silent $main:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn program() -> ! {
            let main: fn() = $main;
            main();
            $crate::board::exit(true)
        }
    };
}

/// Semihosting: an operation and its argument to whoever watches the processor.
fn semihost(operation: usize, argument: usize) {
    // SAFETY: the operations used below read what their argument points to and change no memory.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("bkpt 0xAB", inlateout("r0") operation => _, in("r1") argument);
        #[cfg(target_arch = "riscv32")]
        asm!(
            ".option push", ".option norvc",
            "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7",
            ".option pop",
            inlateout("a0") operation => _, in("a1") argument,
        );
    }
}

/// Text to whoever watches.
#[derive(Debug)]
pub struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const WRITE_CHARACTER: usize = 0x03;
        for octet in text.as_bytes() {
            semihost(WRITE_CHARACTER, core::ptr::from_ref(octet).addr());
        }
        Ok(())
    }
}

/// Prints a line.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::board::Console, $($text)*);
    }};
}

/// Ends the program, well or not; the emulator ends with 0 or 1.
pub fn exit(well: bool) -> ! {
    const EXIT: usize = 0x18;
    const APPLICATION_EXIT: usize = 0x2_0026;
    const RUN_TIME_ERROR: usize = 0x2_0023;
    semihost(EXIT, if well { APPLICATION_EXIT } else { RUN_TIME_ERROR });
    loop {}
}

/// An exception that nothing here can cause, or a fault.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    exit(false)
}

unsafe extern "C" {
    /// The end of the variables, where the stack must stop. Defined by the linker script.
    static __stack_bottom: u8;
}

/// What no frame is likely to be full of.
const PAINT: u32 = 0xC5C5_5C5C;

#[inline(always)]
fn stack_pointer() -> usize {
    let here: usize;
    // SAFETY: reads a register.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) here, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) here, options(nomem, nostack, preserves_flags));
    }
    here
}

/// How deep a call goes, in octets of stack below the caller's frame: the stack is painted, and what the call changed is
/// looked for from below.
#[inline(never)]
pub fn depth_of(call: &mut dyn FnMut()) -> usize {
    let top = stack_pointer();
    let bottom = (&raw const __stack_bottom).addr();
    let words = top.saturating_sub(bottom) / 4;
    let first = core::ptr::with_exposed_provenance_mut::<u32>(bottom);
    for at in 0..words {
        // SAFETY: between the variables and this frame is nothing but free stack; volatile, so that it stays a loop here
        // and becomes no call.
        unsafe { first.add(at).write_volatile(PAINT) };
    }
    call();
    let mut untouched = 0;
    // SAFETY: as above.
    while untouched < words && unsafe { first.add(untouched).read_volatile() } == PAINT {
        untouched += 1;
    }
    (words - untouched) * 4
}

/// The same, and what then lies below the caller's frame, as much of it as `left` holds, the deepest octet first.
#[inline(never)]
pub fn left_by(call: &mut dyn FnMut(), left: &mut [u8]) -> usize {
    let depth = depth_of(call);
    let bottom = stack_pointer() - left.len();
    assert!(bottom >= (&raw const __stack_bottom).addr(), "more is to be watched than there is");
    let first = core::ptr::with_exposed_provenance::<u8>(bottom);
    for (at, octet) in left.iter_mut().enumerate() {
        // SAFETY: free stack that was painted, or written since; volatile, so that this becomes no call, whose frame would be
        // there.
        *octet = unsafe { first.add(at).read_volatile() };
    }
    depth
}

/// A variable that is lent out once, to whoever asks first: static memory without `static mut`.
#[derive(Debug)]
pub struct Once<T> {
    value: UnsafeCell<T>,
    lent: AtomicBool,
}

// SAFETY: the value is reached through `lend` alone, which answers once. There is one core, and no interrupt is enabled.
unsafe impl<T: Send> Sync for Once<T> {}

impl<T> Once<T> {
    /// A variable with this value.
    pub const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), lent: AtomicBool::new(false) }
    }

    /// The variable, the first time.
    #[allow(clippy::mut_from_ref, reason = "the flag makes it the only one")]
    pub fn lend(&'static self) -> Option<&'static mut T> {
        if self.lent.load(Ordering::Relaxed) {
            return None;
        }
        self.lent.store(true, Ordering::Relaxed);
        // SAFETY: the flag was not set before, so this is the only reference there ever is.
        Some(unsafe { &mut *self.value.get() })
    }
}

/// A clock that counts instructions, when the emulator takes a nanosecond for each (`-icount shift=0`).
pub mod clock {
    #[cfg(target_arch = "arm")]
    const CONTROL: *mut u32 = core::ptr::without_provenance_mut(0xE000_E010);
    #[cfg(target_arch = "arm")]
    const RELOAD: *mut u32 = core::ptr::without_provenance_mut(0xE000_E014);
    #[cfg(target_arch = "arm")]
    const CURRENT: *mut u32 = core::ptr::without_provenance_mut(0xE000_E018);

    /// Instructions of one tick: the board's 25 MHz at a nanosecond each.
    pub const INSTRUCTIONS_A_TICK: u32 = 40;

    /// Starts the clock.
    pub fn start() {
        #[cfg(target_arch = "arm")]
        // SAFETY: the system timer of the architecture, used by nobody else.
        unsafe {
            RELOAD.write_volatile(0x00FF_FFFF);
            CURRENT.write_volatile(0);
            CONTROL.write_volatile(0b101);
        }
    }

    /// Ticks now; the difference of two moments is right up to 2^24.
    #[must_use]
    pub fn now() -> u32 {
        #[cfg(target_arch = "arm")]
        // SAFETY: as above; it counts down.
        return 0x00FF_FFFF - unsafe { CURRENT.read_volatile() };
        #[cfg(target_arch = "riscv32")]
        0
    }

    /// Ticks between two moments.
    #[must_use]
    pub fn between(start: u32, end: u32) -> u32 {
        end.wrapping_sub(start) & 0x00FF_FFFF
    }
}

/// A port whose content the compiler cannot know, for programs that are built to be weighed and never run.
pub mod port {
    const REGISTER: *mut u8 = core::ptr::without_provenance_mut(0x4000_4000);

    /// The next octet that comes in.
    #[inline(never)]
    pub fn octet() -> u8 {
        // SAFETY: a register of a device, or of nothing: the program is not run.
        unsafe { REGISTER.read_volatile() }
    }

    /// Fills the room with what comes in.
    #[inline(never)]
    pub fn receive(room: &mut [u8]) {
        room.iter_mut().for_each(|to| *to = octet());
    }

    /// Sends all of it.
    #[inline(never)]
    pub fn send(octets: &[u8]) {
        for octet in octets {
            // SAFETY: as above.
            unsafe { REGISTER.write_volatile(*octet) };
        }
    }
}
