//! What a hop costs: bare tokio channels, typed gadgets, erased gadgets; same capacity, same payload, one run.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::{Capacity, Compose, Message, Node, channel, map, message_channel};
use tokio::{runtime::Runtime, sync::mpsc};

const HOPS: usize = 8;
const MESSAGES: u64 = 10_000;
const CAPACITY: usize = 32;

type Payload = Box<[u64; 8]>;

fn payload(n: u64) -> Payload {
    Box::new([n; 8])
}

async fn bare() -> u64 {
    let (first, mut receiver) = mpsc::channel::<Payload>(CAPACITY);
    for _ in 0..HOPS {
        let (sender, next) = mpsc::channel(CAPACITY);
        tokio::spawn(async move {
            while let Some(message) = receiver.recv().await {
                if sender.send(message).await.is_err() {
                    break;
                }
            }
        });
        receiver = next;
    }
    let feed = tokio::spawn(async move {
        for n in 0..MESSAGES {
            if first.send(payload(n)).await.is_err() {
                break;
            }
        }
    });
    let mut sum = 0;
    while let Some(message) = receiver.recv().await {
        sum += message[0];
    }
    let _ = feed.await;
    sum
}

async fn typed() -> u64 {
    let capacity = Capacity::messages(CAPACITY);
    let (mut first, mut input) = channel::<Payload>(capacity);
    let mut runs = Vec::new();
    for _ in 0..HOPS {
        let (output, next) = channel(capacity);
        runs.push(map(|message: Payload| message).spawn_between(input, output));
        input = next;
    }
    let feed = tokio::spawn(async move {
        for n in 0..MESSAGES {
            if first.send(payload(n)).await.is_err() {
                break;
            }
        }
    });
    let mut sum = 0;
    while let Ok(Some(message)) = input.next().await {
        sum += message[0];
    }
    let _ = feed.await;
    for run in runs {
        run.join().await.expect("a run without faults");
    }
    sum
}

async fn erased() -> u64 {
    let capacity = Capacity::messages(CAPACITY);
    let (mut first, input) = message_channel(capacity);
    let (output, mut results) = message_channel(capacity);
    let gadget = |number: usize| {
        let same = map(|message: Payload| message);
        Node::gadget(number.to_string(), same)
    };
    let running = Node::chain("chain", (0..HOPS).map(gadget).collect(), capacity).spawn(input, output);
    let feed = tokio::spawn(async move {
        for n in 0..MESSAGES {
            if first.send(Message::new(payload(n))).await.is_err() {
                break;
            }
        }
    });
    let mut sum = 0;
    while let Ok(Some(message)) = results.next().await {
        sum += message.downcast::<Payload>().map_or(0, |message| message[0]);
    }
    let _ = feed.await;
    running.join().await.expect("a run without faults");
    sum
}

fn hops(criterion: &mut Criterion) {
    for (threads, runtime) in [("one thread", one_thread()), ("two threads", two_threads())] {
        let mut group = criterion.benchmark_group(format!("8 hops, {threads}"));
        group.throughput(Throughput::Elements(MESSAGES * HOPS as u64));
        group.bench_function("bare tokio::sync::mpsc", |bencher| {
            bencher.to_async(&runtime).iter(bare)
        });
        group.bench_function("typed gadgets", |bencher| bencher.to_async(&runtime).iter(typed));
        group.bench_function("erased gadgets", |bencher| bencher.to_async(&runtime).iter(erased));
        group.finish();
    }
}

fn one_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

fn two_threads() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime")
}

criterion_group!(benches, hops);
criterion_main!(benches);
