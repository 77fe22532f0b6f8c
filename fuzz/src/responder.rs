//! The card's end of a secure channel against a host without keys.

use gp_apdu::{Command, CommandBuf, StatusWord, ins};
use gp_scp03::{Challenge, Implementation, InitializeUpdate, Responder, ResponderState};

use crate::world::{frame, pair::Setup};

/// The first octet is the card's `i`; then commands, each with its length in front. All octets are the attacker's: he has no
/// key. Checks:
///
/// - no session ever opens, and there is no level;
/// - a challenge is answered by one EXTERNAL AUTHENTICATE, whatever becomes of it;
/// - what is no session is left alone: the commands go through as they came, and the answers go out as they are.
pub fn responder(octets: &[u8]) {
    let Some((i, mut rest)) = octets.split_first() else { return };
    let implementation = Implementation::new(*i);
    let setup = Setup {
        i: *i,
        mode: implementation.mode(),
        ..Setup::new(16, implementation.mode(), gp_scp03::SecurityLevel::Full, 0)
    };
    let mut card = Responder::new();
    let mut challenges = 0_u8;
    let salt = crate::world::salt(&octets);
    while let Some(frame) = frame(&mut rest) {
        let Ok(command) = Command::parse(frame) else { continue };
        let mut copy = frame.to_vec();
        let mut buffer = CommandBuf::parse(&mut copy, frame.len()).expect("what parses parses in place");
        let before = card.state();
        match command.header.ins {
            ins::INITIALIZE_UPDATE => {
                let request: InitializeUpdate = match card.initialize_update(&command, implementation) {
                    Ok(request) => request,
                    Err(status) => {
                        assert!(status.is_error());
                        continue;
                    }
                };
                challenges = challenges.wrapping_add(1);
                let mut challenge = [challenges; 16];
                challenge[..8].copy_from_slice(&salt);
                challenge[7] ^= challenges;
                let challenge = Challenge::new(&challenge[..setup.mode.octets()]).expect("8 or 16 octets");
                let mut out = [0; 48];
                let answer = card.challenge(&mut setup.keys(), &setup.info(), &request, &challenge, &mut out);
                assert!(answer.is_ok_and(|length| [29, 32, 45, 48].contains(&length)));
                assert_eq!(card.state(), ResponderState::Challenged);
            }
            ins::EXTERNAL_AUTHENTICATE if before == ResponderState::Challenged => {
                assert!(card.external_authenticate(&mut buffer).expect_err("nobody has the keys").is_error());
                assert_eq!(card.state(), ResponderState::Idle);
            }
            ins::EXTERNAL_AUTHENTICATE => {
                assert_eq!(card.external_authenticate(&mut buffer), Err(StatusWord::CONDITIONS_OF_USE));
                assert_eq!(card.state(), before);
            }
            _ => {
                assert!(card.begin_r_mac(&command).is_err() && card.end_r_mac(&command).is_err());
                assert_eq!(card.unwrap(&mut buffer), Ok(None));
                assert_eq!(buffer.as_command(), command);
                let mut answer = [command.data, &[0, 0]].concat();
                let status = StatusWord(u16::from_be_bytes([command.header.p1, command.header.p2]));
                let length = command.data.len();
                let wrapped = card.wrap(&mut answer, length, status).expect("room enough").to_vec();
                let data = if status.is_error() { &[] } else { command.data };
                assert_eq!(wrapped, [data, &status.octets()].concat());
            }
        }
        assert_eq!(card.level(), None);
        assert!(matches!(card.state(), ResponderState::Idle | ResponderState::Challenged));
        assert!(card.suspend().is_none());
    }
}
