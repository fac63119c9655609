//! The promises of every combinator, over random inputs, lanes, workers, capacities, delays, panics and faults.

use std::{sync::Arc, time::Duration};

use engine::{
    Capacity, Compose, DistributeLimits, MemoryWorker, Numbered, Sequenced, Unordered, by_key, distribute, fanout,
    gadget_fn,
    link::AnyWorker,
    map, numbered, par_map, parallel, pure_fn, route,
    testing::{
        Fault, FaultyWorker, Harness, delayed,
        strategies::{capacity, delays, fault_schedules},
    },
    try_pure_fn,
};
use proptest::{collection::vec, prelude::*};

fn square(n: u32) -> u64 {
    u64::from(n) * u64::from(n)
}

fn squares(inputs: &[u32]) -> Vec<u64> {
    inputs.iter().map(|n| square(*n)).collect()
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

/// Inputs that differ, so that a lost and a doubled one cannot make up for each other.
fn inputs(most: u32) -> impl Strategy<Value = Vec<u32>> + Clone {
    (0..=most, any::<u16>()).prop_map(|(number, from)| (0..number).map(|n| u32::from(from) + n).collect())
}

/// Bad workers and one good one, each with its pace.
fn workers(schedules: Vec<Vec<Fault>>, paces: Vec<Duration>) -> Vec<AnyWorker<u32, u64>> {
    let mut paces = paces.into_iter().cycle();
    let mut make = || {
        let pace = vec![paces.next().unwrap_or_default()];
        move || delayed(pace.clone(), pure_fn(square))
    };
    let mut workers: Vec<AnyWorker<u32, u64>> = Vec::new();
    for (number, schedule) in schedules.into_iter().enumerate() {
        workers.push(Arc::new(FaultyWorker::new(format!("bad {number}"), schedule, make())));
    }
    workers.push(Arc::new(MemoryWorker::new("good", make())));
    workers
}

/// No job fails for good: whatever the schedule, only links are to blame here.
fn patient() -> DistributeLimits {
    DistributeLimits {
        failures: 1000,
        ..DistributeLimits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn sequenced_lanes_give_the_map_in_input_order(
        inputs in inputs(60), lanes in vec(delays(9), 1..5), capacity in capacity(4), window in 1..6_usize,
        choice in vec(0..100_usize, 1..20),
    ) {
        let number = lanes.len();
        let mut turn = choice.into_iter().cycle();
        let mut build = parallel(route(move |_: &u32| turn.next().unwrap_or(0) % number).numbered()).capacity(capacity);
        for (lane, delays) in lanes.into_iter().enumerate() {
            build = build.lane(lane.to_string(), delayed(delays, numbered(pure_fn(square))));
        }
        let (outputs, result) = Harness::paused().run(build.merge(Sequenced::window(window)), inputs.clone());
        prop_assert!(result.is_ok());
        prop_assert_eq!(outputs, squares(&inputs));
    }

    #[test]
    fn unordered_lanes_give_the_multiset_with_order_in_each_lane(
        inputs in inputs(40), lanes in vec(delays(9), 1..5), capacity in capacity(4),
    ) {
        let mut build = parallel(fanout()).capacity(capacity);
        for (lane, delays) in lanes.iter().enumerate() {
            build = build.lane(lane.to_string(), delayed(delays.clone(), pure_fn(move |n: u32| (lane, n))));
        }
        let (outputs, result) = Harness::paused().run(build.merge(Unordered::new()), inputs.clone());
        prop_assert!(result.is_ok());
        for lane in 0..lanes.len() {
            let of_lane: Vec<_> = outputs.iter().filter(|(from, _)| *from == lane).map(|(_, n)| *n).collect();
            prop_assert_eq!(of_lane, inputs.clone());
        }
        prop_assert_eq!(outputs.len(), inputs.len() * lanes.len());
    }

    #[test]
    fn par_map_gives_the_map_in_input_order(inputs in inputs(40), workers in 0..6_usize, capacity in capacity(4)) {
        let harness = Harness { capacity, ..Harness::default() };
        let (outputs, result) = harness.run(par_map(workers, pure_fn(square)), inputs.clone());
        prop_assert!(result.is_ok());
        prop_assert_eq!(outputs, squares(&inputs));
    }

    #[test]
    fn jobs_give_the_map_in_input_order_whatever_links_do(
        inputs in inputs(60), schedules in fault_schedules(4, 8), paces in delays(40),
    ) {
        let jobs = distribute(workers(schedules, paces)).limits(patient()).matching(|job, result| square(*job) == *result);
        let (outputs, result) = Harness::paused().run(jobs.pure(), inputs.clone());
        prop_assert!(result.is_ok(), "{:?}", result);
        prop_assert_eq!(outputs, squares(&inputs));
    }

    #[test]
    fn unordered_jobs_give_the_multiset_whatever_links_do(
        inputs in inputs(60), schedules in fault_schedules(4, 8), paces in delays(40),
    ) {
        let jobs = distribute(workers(schedules, paces)).limits(patient()).matching(|job, result| square(*job) == *result);
        let (outputs, result) = Harness::paused().run(jobs.pure_unordered(), inputs.clone());
        prop_assert!(result.is_ok(), "{:?}", result);
        prop_assert_eq!(sorted(outputs), squares(&inputs));
    }

    #[test]
    fn keys_give_the_multiset_with_order_in_each_key_whatever_links_do(
        inputs in inputs(60), mut schedules in fault_schedules(4, 8), paces in delays(40), keys in 1..6_u32, one_each: bool,
    ) {
        let mut keyed = distribute(workers(schedules.clone(), paces.clone())).one_each().matching(|job, result| square(*job) == *result);
        if !one_each {
            // A stateful worker may give any number of results and then close: none is one too many or too few.
            schedules.iter_mut().flatten().filter(|fault| matches!(fault, Fault::Twice(_) | Fault::CloseAfter(_))).for_each(|fault| *fault = Fault::None);
            keyed = distribute(workers(schedules, paces));
        }
        let keyed = keyed.limits(patient()).fingerprint(|result| *result);
        let (outputs, result) = Harness::paused().run(keyed.keyed(by_key(move |n: &u32| n % keys)), inputs.clone());
        prop_assert!(result.is_ok(), "{:?}", result);
        for key in 0..keys {
            let of_key: Vec<_> = inputs.iter().copied().filter(|n| n % keys == key).map(square).collect();
            let found: Vec<_> = outputs.iter().copied().filter(|result| of_key.contains(result)).collect();
            prop_assert_eq!(found, of_key);
        }
        prop_assert_eq!(outputs.len(), inputs.len());
    }

    #[test]
    fn a_failure_anywhere_is_reported_with_its_path_and_delivers_what_came_before(
        inputs in inputs(40), at in 0..40_usize, before in 0..3_usize, panics: bool, capacity in capacity(3),
    ) {
        let fails = gadget_fn(move |mut input: engine::Input<u32>, mut output: engine::Output<u32>| async move {
            for _ in 0..at {
                let Some(value) = input.next().await? else { return Ok(()) };
                output.send(value).await?;
            }
            if input.next().await?.is_none() {
                return Ok(());
            }
            if panics { panic!("no coils") }
            Err("no coils".into())
        }).named("fails");
        // Between other gadgets, one of them in a lane.
        let inner = map(|n: u32| n).then_with(capacity, fails);
        let lanes = parallel(route(|_: &u32| 0)).capacity(capacity).lane("lane", inner).merge(Unordered::new());
        let first = map(move |n: u32| n + before as u32);
        let (outputs, result) = Harness::paused().run(first.then_with(capacity, lanes).map(|n| n), inputs.clone());
        let expected: Vec<_> = inputs.iter().take(at).map(|n| n + before as u32).collect();
        prop_assert_eq!(outputs, expected);
        match inputs.len() > at {
            true => {
                let words = if panics { "lane/fails: panicked: no coils" } else { "lane/fails: no coils" };
                prop_assert_eq!(result.unwrap_err().to_string(), words);
            }
            false => prop_assert!(result.is_ok()),
        }
    }

    #[test]
    fn numeric_work_that_fails_is_reported_with_its_path_and_delivers_what_came_before(
        inputs in inputs(40), at in 0..40_usize, workers in 1..5_usize, panics: bool,
    ) {
        let bad = inputs.get(at).copied();
        let work = try_pure_fn(move |n: u32| {
            if Some(n) == bad {
                assert!(!panics, "no coils");
                return Err("no coils");
            }
            Ok(square(n))
        });
        let (outputs, result) = Harness::paused().run(par_map(workers, work).named("work"), inputs.clone());
        let before = squares(inputs.get(..at).unwrap_or(&inputs));
        if bad.is_some() {
            let words = if panics { "work: panicked: no coils" } else { "work: no coils" };
            prop_assert_eq!(result.unwrap_err().to_string(), words);
        } else {
            prop_assert!(result.is_ok());
        }
        // A panic is reported at once, an error in its place.
        if panics {
            prop_assert!(before.starts_with(&outputs));
        } else {
            prop_assert_eq!(outputs, before);
        }
    }
}

#[test]
fn one_body_gives_the_same_over_a_call_memory_links_and_faulty_links() {
    let inputs: Vec<u32> = (0..200).collect();
    let schedule = vec![Fault::Refuse, Fault::DieAfter(3), Fault::GarbageAfter(0)];
    let ways: [Vec<AnyWorker<u32, u64>>; 3] = [
        vec![],
        workers(vec![], vec![]),
        workers(vec![schedule.clone(), schedule], vec![Duration::from_millis(2)]),
    ];
    for ways in ways {
        let here = MemoryWorker::new("here", || map(square));
        let jobs = distribute(ways).local(here).pure();
        let (outputs, result) = Harness::paused().run(jobs, inputs.clone());
        result.unwrap();
        assert_eq!(outputs, squares(&inputs));
    }
}

#[test]
fn every_combinator_leaves_no_task() {
    let narrow = Capacity::messages(1);
    engine::testing::leaves_no_task(|| map(square), 0..50);
    engine::testing::leaves_no_task(move || map(square).then_with(narrow, map(|n| n)), 0..50);
    engine::testing::leaves_no_task(|| par_map(2, pure_fn(square)), 0..50);
    let lanes = || {
        parallel(fanout())
            .lane("a", map(square))
            .lane("b", map(square))
            .merge(Unordered::new())
    };
    engine::testing::leaves_no_task(lanes, 0..500);
    let one = |message: Numbered<u32>| message;
    let sequenced = move || {
        parallel(route(|n: &u32| (n % 2) as usize).numbered())
            .lane("a", map(one))
            .lane("b", map(one))
    };
    engine::testing::leaves_no_task(move || sequenced().merge(Sequenced::window(4)), 0..500);
    engine::testing::leaves_no_task(|| distribute(workers(vec![], vec![])).pure(), 0..5000);
    let keyed = || distribute(workers(vec![], vec![])).keyed(by_key(|n: &u32| n % 3));
    engine::testing::leaves_no_task(keyed, 0..5000);
}
