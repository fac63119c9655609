use super::*;

/// Workers that are fed faster than they work.
fn arguments(workers: u32) -> SimulateArguments {
    SimulateArguments {
        workers,
        jobs: None,
        job_ms: 20.0,
        jitter: 0.0,
        bytes: 10_000,
        result_bytes: 10_000,
        latency_ms: 0.2,
        gigabits: 10.0,
        fail_rate: 0.0,
        down: 5.0,
        seed: 1,
        json: false,
    }
}

#[test]
fn sixty_four_workers_are_busy_95_percent_of_the_time() {
    let simulation = simulate(&arguments(64)).unwrap();
    assert_eq!(simulation.jobs, 6400);
    assert!(simulation.efficiency >= 0.95, "{simulation:?}");
    assert_eq!((simulation.retries, simulation.lost), (0, 0));
}

#[test]
fn a_thousand_workers_are_busy_90_percent_of_the_time() {
    let simulation = simulate(&SimulateArguments {
        jobs: Some(20_000),
        ..arguments(1000)
    })
    .unwrap();
    assert!(simulation.efficiency >= 0.90, "{simulation:?}");
    assert_eq!((simulation.retries, simulation.lost), (0, 0));
}

#[test]
fn one_worker_takes_as_long_as_its_jobs() {
    let simulation = simulate(&arguments(1)).unwrap();
    assert!((simulation.makespan_s - 2.0).abs() < 0.01, "{simulation:?}");
    assert!(simulation.efficiency <= 1.0, "{simulation:?}");
}

#[test]
fn what_the_network_does_not_carry_no_number_of_workers_speeds_up() {
    // 1 MB a job and 1 Gbit/s: 125 jobs in a second, as many as two and a half workers do.
    let simulation = simulate(&SimulateArguments {
        bytes: 1_000_000,
        gigabits: 1.0,
        jobs: Some(500),
        ..arguments(16)
    })
    .unwrap();
    assert!((simulation.network_s - 4.0).abs() < 1e-9);
    assert!((4.0..4.3).contains(&simulation.makespan_s), "{simulation:?}");
    // Windows, and what waits to be sent: not all jobs at once.
    assert!(simulation.memory_bytes < 200_000_000, "{simulation:?}");
}

#[test]
fn workers_that_are_lost_cost_time_and_no_result() {
    let simulation = simulate(&SimulateArguments {
        fail_rate: 0.01,
        jitter: 0.5,
        ..arguments(16)
    })
    .unwrap();
    assert!(
        simulation.lost > 0 && simulation.retries >= simulation.lost,
        "{simulation:?}"
    );
}

#[test]
fn where_all_workers_are_lost_the_rest_is_done_here() {
    let simulation = simulate(&SimulateArguments {
        fail_rate: 1.0,
        down: 1e6,
        ..arguments(4)
    })
    .unwrap();
    assert_eq!((simulation.here, simulation.lost), (400, 4), "{simulation:?}");
    assert!((simulation.makespan_s - 8.0).abs() < 0.5, "{simulation:?}");
}

#[test]
fn figures_are_printed_for_people_and_for_programs() {
    let text = |json| {
        let mut out = Vec::new();
        run(&SimulateArguments { json, ..arguments(2) }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(text(false).starts_with("200 jobs on 2 workers\n"), "{}", text(false));
    let figures: serde_json::Value = serde_json::from_str(&text(true)).unwrap();
    assert_eq!(figures["jobs"], 200);
    assert!(figures["efficiency"].as_f64().unwrap() > 0.95);
}
