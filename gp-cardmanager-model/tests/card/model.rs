//! The card beside a plain model of the registry: random sequences of content management commands, every answer and the
//! whole registry compared after each.
//!
//! [`registry`] is the model: what the rules say. [`play`] gives each command to both and compares. There are two worlds:
//! a card with the basic channel alone, as it leaves the factory; and one with three channels, on which there is something
//! already, so that a session stands on each of them, what is selected on one is locked, deleted and moved from another, and
//! security domains with Delegated Management work by tokens and get receipts.

mod play;
mod registry;

use crate::kit;
use gp_scp03::SecurityLevel;
use kit::{Bench, Host, ISD, Random, SSD_FILE, SSD_MODULE, add_key, factory_keys, scaled};
use play::{Counts, PACKAGES, Play, module, token_key};
use registry::{
    AUTHORIZED, CIN, DELEGATED, IIN, Model, PLATFORM, Package, Plan, Proof, Reasons, SECURITY_DOMAIN, receipt_key,
};

/// The card on which sequences begin, and its model.
struct World {
    bench: Bench,
    /// Storage at the beginning of each.
    image: kit::Shared,
    model: Model,
}

impl World {
    /// Registry slots are few enough to be filled. The ISD has keys for tokens and receipts. What no load file has brought
    /// cannot be imported, but for the platform.
    fn new(slots: usize, channels: usize) -> Self {
        let mut bench = Bench::new();
        bench.ram = kit::Ram::new(slots, 5, slots, channels);
        bench.profile.iin = &IIN;
        bench.profile.cin = &CIN;
        bench.desk.0.borrow_mut().quiet = true;
        bench.desk.0.borrow_mut().lacks =
            PACKAGES.iter().map(|package| package.to_vec()).chain([SSD_FILE.to_vec()]).collect();
        let mut card = bench.card();
        let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::Authenticated).unwrap();
        add_key(&mut card, &mut host, factory_keys().dek(), 0x70, &token_key());
        add_key(&mut card, &mut host, factory_keys().dek(), 0x71, &receipt_key());
        drop(card);
        let (image, model) = (bench.flash.copy(), Model::new(slots, channels));
        Self { bench, image, model }
    }

    /// Plays something to both, from where this world begins.
    fn play(&mut self, seed: u64, counts: &mut Counts, what: impl FnOnce(&mut Play<'_, '_>)) -> Model {
        self.bench.ram = self.bench.ram.blank();
        self.bench.flash = self.image.copy();
        let (card, model) = (self.bench.card(), self.model.clone());
        let mut play = Play { card, model, random: Random::new(seed, 3), counts, buffer: vec![0; 2000] };
        what(&mut play);
        play.model
    }

    /// Lets this be what sequences begin with.
    fn begin_with(mut self, what: impl FnOnce(&mut Play<'_, '_>)) -> Self {
        self.model = self.play(0, &mut Counts::default(), |play| {
            what(play);
            play.card.reset();
            play.model.reset();
        });
        self.image = self.bench.flash.copy();
        self
    }

    /// So many sequences of random commands, each of `steps` and up to 24 more.
    fn sequences(&mut self, count: u64, seed: u64, steps: usize) -> (Counts, Reasons) {
        let (mut counts, mut reasons) = (Counts::default(), Reasons::default());
        for number in 0..count {
            let model = self.play(seed + number, &mut counts, |play| {
                play.enter(0, &ISD);
                for _ in 0..steps + play.random.below(24) {
                    play.step();
                }
                (0..play.model.channels.len()).for_each(|on| play.look(on));
                // The issuer sees it all.
                play.enter(0, &ISD);
                play.look(0);
                play.card.reset();
            });
            // The storage tells the same.
            if number % 16 == 0 {
                self.bench.assert_lasting();
            }
            reasons.add(model.reasons);
        }
        println!("{count} sequences: {counts:?}, {reasons:?}");
        if count > 1000 {
            assert!(counts.done * 8 > counts.commands && counts.by_others * 10 > counts.commands);
            assert!(reasons.imported > 0 && reasons.receipts > 0);
        }
        (counts, reasons)
    }
}

fn plan(file: &[u8], module: &[u8], aid: &[u8], privileges: u32, accepts: [u8; 2]) -> Plan {
    let (file, module, aid) = (file.to_vec(), module.to_vec(), aid.to_vec());
    Plan { selectable: true, file, module, aid, privileges, implicit: vec![], accepts }
}

#[test]
fn the_card_does_what_the_model_does() {
    World::new(11, 1).sequences(scaled(50_000), 1 << 40, 18);
}

#[test]
fn the_card_does_what_the_model_does_again() {
    let (delegate, manager) = ([0xD2, 0x76, 0, 0, 0x1D, 5], [0xD2, 0x76, 0, 0, 0x1D, 6]);
    let [library, user, _] = PACKAGES.map(|package| package.to_vec());
    let app = [0xD2, 0x76, 0, 0, 0x1A, 10];
    let none = Proof::default();
    let mut world = World::new(14, 3).begin_with(|play| {
        play.enter(0, &ISD);
        for (aid, privileges, policy) in [(delegate, DELEGATED, 0xC8), (manager, AUTHORIZED, 0xA8)] {
            let plan = plan(&SSD_FILE, &SSD_MODULE, &aid, SECURITY_DOMAIN | privileges, [policy; 2]);
            play.install(0, &plan, &[0x82, 1, policy, 0x83, 1, policy], &none);
            play.open(0, None);
            play.enter(1, &aid);
            play.set_status(1, 0x40, &aid, 0x0F);
            play.close(0, 1);
        }
        let imports = vec![(library.clone(), 0), (PLATFORM.to_vec(), 0)];
        let file = |file: &[u8]| Package { file: file.to_vec(), modules: vec![module(file, 0)], ..Package::default() };
        play.load(0, &file(&library), &none);
        play.load(0, &Package { imports, target: Some(delegate.to_vec()), ..file(&user) }, &none);
        play.install(0, &plan(&library, &module(&library, 0), &app, 0, [0x80; 2]), &[], &none);
        assert_eq!(play.counts.done, play.counts.commands, "all of it is there");
    });
    let count = scaled(50_000);
    let (counts, reasons) = world.sequences(count, 2 << 40, 24);
    if count > 1000 {
        assert!(counts.beside * 6 > counts.done && counts.channels > count && counts.meanwhile * 12 > count);
        assert!(reasons.elsewhere * 12 > count && reasons.imported * 6 > count && reasons.receipts * 2 > count);
        assert!(reasons.locked * 100 > count && reasons.twice * 100 > count);
    }
}
