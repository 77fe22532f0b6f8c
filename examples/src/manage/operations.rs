//! What each command of the program does with the card.

use std::path::Path;

use gp_apdu::Command;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::Platform as _;
use gp_cardmanager_model::host::{
    Delete, Error, Failure, Guard, Install, KeysPut, Load, NewKeys, Origin, PutKeys, Raw, Rotate, Rotation,
    RotationStage, SetStatus, StoreData, run,
};
use gp_cardmanager_model::install::{ForInstall, ForLoad, Function, Install as Body, Parameters};
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_cardmanager_model::load_file::{Content, LoadFile};
use gp_cardmanager_model::signature::HashAlgorithm;
use gp_cardmanager_model::store_data::StoreDataFormat;
use gp_scp03::{Key, StaticKeys};
use serde_json::json;

use super::arguments::Action;
use super::cap_file::CapFile;
use super::dry_card::duplicate;
use super::outcome::Outcome;
use super::registry::Registry;
use super::session::{Session, challenge};
use super::{decode, info};
use crate::embedded_card::Randomness;
use crate::hex;
use crate::virtual_card::Platform;

/// Octets of a parameters field: the longest that an INSTALL command takes, and a little more.
const PARAMETERS: usize = 1024;

/// Does what the command line asks for, from the channel's opening to its end.
pub(super) fn operate(session: &mut Session<'_, '_, '_>, action: &Action) -> Result<(), Outcome> {
    if let Action::Apdu { commands, plain: true } = action {
        return send(session, commands);
    }
    session.open_channel()?;
    match action {
        Action::Info => info::info(session)?,
        Action::RotateKeys { keys, version, replace, record, delete_old, attempts } => {
            session.select()?;
            let attempts = attempts.unwrap_or(Guard::LIMIT);
            let rotation = Plan { version: *version, replace: *replace, delete_old: *delete_old, attempts };
            rotate(session, keys, rotation, record.as_deref())?;
        }
        _ => {
            session.open()?;
            perform(session, action)?;
        }
    }
    session.close_channel()
}

/// What needs an open session.
fn perform(session: &mut Session<'_, '_, '_>, action: &Action) -> Result<(), Outcome> {
    match action {
        Action::List => list(session),
        Action::Load { file, hash, to, descriptor, sizes, block } => {
            let file = CapFile::read(file)?;
            let how = Loading { hash: *hash, to: *to, descriptor: *descriptor, sizes: *sizes, block: *block };
            load(session, &file, &how)
        }
        Action::Install { file, module, aid, privileges, parameters, selectable } => {
            install(session, (*file, *module, *aid), privileges, parameters, *selectable)
        }
        Action::Delete { aid, related } => {
            let task = if *related { Delete::related(*aid) } else { Delete::object(*aid) };
            let origin = session.run(task)?.origin;
            done(session, "deleted", &aid.to_string(), origin);
            Ok(())
        }
        Action::DeleteKeys { version } => {
            let origin = session.run(Delete::key_version(*version))?.origin;
            done(session, "deleted", &format!("key version {version:02X}"), origin);
            Ok(())
        }
        Action::Lock { aid, below, lock } => set_status(session, *aid, *below, *lock),
        Action::PutKeys { keys, version, replace } => put_keys(session, keys, *version, *replace),
        Action::StoreData { data, to, format } => store_data(session, data, *to, *format),
        Action::Apdu { commands, .. } => send(session, commands),
        _ => Ok(()),
    }
}

/// Says what was done, and who vouches for that.
fn done(session: &mut Session<'_, '_, '_>, what: &str, object: &str, origin: Origin) {
    if session.arguments.dry_run {
        session.console().finding(
            "Nothing was sent. What depends on answers of the card, the host cryptogram above all, is made up.",
        );
        return;
    }
    let vouched = match origin {
        Origin::Authentic => "The card vouches for it.",
        Origin::Plain => "At this level nobody vouches for the answer.",
    };
    let console = session.console();
    console.finding(&format!("{object}: {what}. {vouched}"));
    console.json(&json!({"event": "done", "what": what, "object": object, "authentic": origin == Origin::Authentic}));
}

fn list(session: &mut Session<'_, '_, '_>) -> Result<(), Outcome> {
    Registry::read(session)?.show(session.console());
    Ok(())
}

/// How a file is to be loaded.
struct Loading {
    hash: Option<HashAlgorithm>,
    to: Option<Aid>,
    descriptor: bool,
    sizes: bool,
    block: Option<usize>,
}

fn load(session: &mut Session<'_, '_, '_>, file: &CapFile, how: &Loading) -> Result<(), Outcome> {
    let cap = file.cap()?;
    let header = cap.header();
    let content = Content::Plain { len: cap.load_file_data_block_len(how.descriptor) };
    let mut head = [0; 8];
    let head =
        LoadFile { daps: &[], content }.emit_head(&mut head).map_err(|error| Outcome::Operation(error.into()))?;
    let hash = how.hash.map(|algorithm| hash(algorithm, cap.load_file_data_block(how.descriptor))).unwrap_or_default();
    let (major, minor) = header.version;
    let load_file = header.aid;
    let mut parameters = [0; 16];
    let parameters = if how.sizes {
        let sizes = cap.load_parameters(how.descriptor);
        let written = sizes.emit(Function::Load, &mut parameters).map_err(|error| Outcome::Operation(error.into()))?;
        &*written
    } else {
        &[]
    };
    let body = ForLoad { load_file, security_domain: how.to, hash: &hash, parameters, token: &[] };
    let mut task = Load::new(body, head, cap.load_file_data_block(how.descriptor));
    if let Some(octets) = how.block {
        task = task.with_block_len(octets);
    }
    let total = task.total();
    session.console().expect_octets(total);
    let result = session.run(task).map(|performed| performed.origin);
    session.console().progress_is_over();
    let origin = result?;
    done(session, "loaded", &format!("load file {load_file}, version {major}.{minor}, {total} octets"), origin);
    let modules: Vec<_> = cap.applets().map(|(module, _)| module.to_string()).collect();
    if !modules.is_empty() {
        session.console().finding(&format!("Its modules: {}.", modules.join(", ")));
    }
    if !hash.is_empty() {
        session.console().finding(&format!("Hash of the load file data block: {}.", hex::encode(&hash)));
    }
    session.console().json(&json!({
        "event": "load_file",
        "aid": load_file.to_string(),
        "version": format!("{major}.{minor}"),
        "octets": total,
        "modules": modules,
        "hash": hex::encode(&hash),
    }));
    Ok(())
}

fn hash<'p>(algorithm: HashAlgorithm, parts: impl Iterator<Item = &'p [u8]>) -> Vec<u8> {
    let mut platform = Platform::new(Randomness::System);
    let mut out = vec![0; algorithm.len()];
    if platform.hash_begin(algorithm) {
        parts.for_each(|part| platform.hash_update(part));
        platform.hash_finish(&mut out);
    }
    out
}

fn install(
    session: &mut Session<'_, '_, '_>,
    (load_file, module, application): (Aid, Aid, Aid),
    privileges: &[u8],
    parameters: &[u8],
    selectable: bool,
) -> Result<(), Outcome> {
    let function = if selectable { Function::InstallAndMakeSelectable } else { Function::Install };
    let mut field = [0; PARAMETERS];
    let parameters = Parameters::from_caller(parameters)
        .emit(function, &mut field)
        .map_err(|error| Outcome::Usage(format!("--params: {error}")))?;
    let body = ForInstall {
        load_file: Some(load_file),
        module: Some(module),
        application,
        privileges,
        parameters,
        token: &[],
    };
    let body = if selectable { Body::InstallAndMakeSelectable(body) } else { Body::Install(body) };
    let origin = session.run(Install::new(body))?.origin;
    let what = if selectable { "installed and made selectable" } else { "installed" };
    done(session, what, &application.to_string(), origin);
    Ok(())
}

fn set_status(session: &mut Session<'_, '_, '_>, aid: Option<Aid>, below: bool, lock: bool) -> Result<(), Outcome> {
    let task = match (aid, lock, below) {
        (None, true, _) => SetStatus::card(CardLifeCycle::CardLocked),
        (None, false, _) => SetStatus::card(CardLifeCycle::Secured),
        (Some(aid), true, false) => SetStatus::lock(aid),
        (Some(aid), false, false) => SetStatus::unlock(aid),
        (Some(aid), true, true) => SetStatus::lock_with_all_below(aid),
        (Some(aid), false, true) => SetStatus::unlock_with_all_below(aid),
    };
    let origin = session.run(task)?;
    let object = aid.map_or_else(|| "the card".to_owned(), |aid| aid.to_string());
    done(session, if lock { "locked" } else { "unlocked" }, &object, origin);
    Ok(())
}

/// The Key-DEK of the session's key set.
fn dek(session: &Session<'_, '_, '_>) -> Result<Key, Outcome> {
    let keys = session.keys.as_ref().ok_or(Outcome::Operation(Failure::NoSession))?;
    Ok(keys.dek().duplicate_secret())
}

fn put_keys(
    session: &mut Session<'_, '_, '_>,
    keys: &StaticKeys,
    version: u8,
    replace: Option<u8>,
) -> Result<(), Outcome> {
    let dek = dek(session)?;
    let put: KeysPut = match replace {
        Some(replaced) => session.run(PutKeys::replace(replaced, version, NewKeys::Set(keys), &dek))?,
        None => session.run(PutKeys::add(version, NewKeys::Set(keys), &dek))?,
    };
    done(session, "stored, and their check values are right", &format!("keys of version {version:02X}"), put.origin);
    if put.zero_block_check_values {
        session
            .console()
            .finding("The card computes check values over a block of zeros, which is not the rule for AES.");
    }
    Ok(())
}

/// What a rotation is to come to.
struct Plan {
    version: u8,
    replace: Option<u8>,
    delete_old: bool,
    /// So many attempts to open a session may fail.
    attempts: u8,
}

fn rotate(
    session: &mut Session<'_, '_, '_>,
    new: &StaticKeys,
    plan: Plan,
    record: Option<&Path>,
) -> Result<(), Outcome> {
    let old = match &session.keys {
        Some(keys) if !session.kdf3 => duplicate(keys).map_err(|error| Outcome::Session(error.into(), None))?,
        Some(_) => return Err(Outcome::Usage("rotate-keys takes the keys of the card, not master keys".into())),
        None => return Err(Outcome::Usage("no keys given".into())),
    };
    let arguments = session.arguments;
    // Version 00 is "the card's first", which another set may be by the time the old one is to go.
    if plan.delete_old && plan.replace.is_none() && arguments.key_version == 0 {
        return Err(Outcome::Usage("--delete-old needs --kvn: the version of the old keys".into()));
    }
    let planned = match plan.replace {
        Some(replaced) => Rotation::replace(replaced, plan.version, new),
        None => Rotation::add(arguments.key_version, plan.version, new),
    };
    let planned = if plan.delete_old { planned.deleting_old() } else { planned };
    let stored = match record.filter(|path| path.exists() && !arguments.dry_run) {
        Some(path) => {
            let octets = std::fs::read(path).map_err(Outcome::NoCard)?;
            let rotation = Rotation::from_bytes(&octets)
                .ok_or_else(|| Outcome::Usage(format!("{} is no record of a rotation", path.display())))?;
            if !rotation.is_same_plan(&planned) {
                return Err(Outcome::Usage(format!("{} belongs to another rotation", path.display())));
            }
            if rotation.is_finished() {
                let keys = format!("keys of version {:02X}", plan.version);
                session.console().finding(&format!("{keys}: the rotation is finished, there is nothing to do."));
                let done = json!({"event": "done", "what": "finished before", "object": keys, "authentic": true});
                session.console().json(&done);
                return Ok(());
            }
            session
                .console()
                .finding(&format!("An interrupted rotation is taken up where it was: {:?}.", rotation.stage()));
            Some(rotation)
        }
        None => None,
    };
    let rotation = stored.unwrap_or(planned);
    // The counts stay, the limit is today's.
    let [old_guard, new_guard] = rotation.guards().map_or([0; 2], |(old, new)| [old.failures(), new.failures()]);
    let guard = |failures| Guard::resume(failures, plan.attempts);
    let rotation = rotation.guarded(guard(old_guard), guard(new_guard));
    let mut guards = rotation.guards();
    let mut persist = |rotation: &Rotation| {
        guards = rotation.guards();
        match record.filter(|_| !arguments.dry_run) {
            Some(path) => write_record(path, &rotation.to_bytes()).map_err(|_| Failure::Stopped),
            None => Ok(()),
        }
    };
    persist(&rotation).map_err(Outcome::Operation)?;
    let randomness = &mut session.randomness;
    let random = || challenge(randomness, arguments).map_err(|_| Failure::Stopped);
    let task = Rotate::new(rotation, &old, new, arguments.level, random, persist);
    let finished = match run(&mut session.host, &mut session.link, task) {
        Err(error) => {
            let counts = guards.map_or([guard(0); 2], |(old, new)| [old, new]);
            if let Some(guard) = counts.iter().find(|guard| guard.failures_left() == 0) {
                session.console().finding(&format!(
                    "Attempts to open a session that failed: {}. The card may have counted them. Find out why before you \
                     let it make more, with --attempts.",
                    guard.failures()
                ));
            }
            return Err(error.into());
        }
        Ok(finished) => finished,
    };
    let origin = if arguments.level.has_r_mac() { Origin::Authentic } else { Origin::Plain };
    debug_assert_eq!(finished.stage(), RotationStage::Finished);
    done(
        session,
        "in use, and proved by a session of their own",
        &format!("keys of version {:02X}", plan.version),
        origin,
    );
    Ok(())
}

/// The record is the old one or the new one, whatever happens.
fn write_record(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    std::fs::write(&new, octets)?;
    std::fs::rename(new, path)
}

fn store_data(
    session: &mut Session<'_, '_, '_>,
    data: &[u8],
    to: Option<Aid>,
    format: StoreDataFormat,
) -> Result<(), Outcome> {
    let task = StoreData::new(format, data);
    let task = match to {
        Some(aid) => task.to_application(aid),
        None => task,
    };
    let origin = session.run(task)?.origin;
    let object = to.map_or_else(|| "the security domain".to_owned(), |aid| aid.to_string());
    done(session, &format!("{} octets stored", data.len()), &object, origin);
    Ok(())
}

/// Commands as they are. A refusal is an answer, and the exit status tells of it.
fn send(session: &mut Session<'_, '_, '_>, commands: &[Vec<u8>]) -> Result<(), Outcome> {
    for octets in commands {
        let command =
            Command::parse(octets).map_err(|error| Outcome::Usage(format!("{}: {error}", hex::encode(octets))))?;
        let answer = match run(&mut session.host, &mut session.link, Raw::new(command)) {
            Ok(answer) => answer,
            Err(Error::Failure(failure)) => return Err(Outcome::Operation(failure)),
            Err(error) => return Err(error.into()),
        };
        let (data, status, origin) = (answer.data.to_vec(), answer.status, answer.origin);
        let console = session.host.observer_mut().sink_mut();
        if !session.arguments.dry_run {
            console.line(format!("{} {:04X}", hex::encode(&data), status.0).trim_start());
            console.json(&json!({
                "event": "answer",
                "data": hex::encode(&data),
                "status": format!("{:04X}", status.0),
                "meaning": decode::status(command.header.ins, status),
                "authentic": origin == Origin::Authentic,
            }));
        }
        if status.is_error() {
            let refusal = gp_cardmanager_model::host::Refusal::new(command.header.ins, status);
            return Err(Outcome::Operation(Failure::Refused(refusal)));
        }
    }
    Ok(())
}
