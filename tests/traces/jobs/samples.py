"""A small handmade file of every job format, as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bayplan.traces.jobs import JobTable, read_jobs

Write = Callable[..., str]

PHILLY_LOG: list[dict[str, Any]] = [
    {
        "status": "Pass",
        "vc": "ee9e8c",
        "jobid": "application_2",
        "attempts": [
            {
                "start_time": "2017-10-07 01:12:09",
                "end_time": "2017-10-07 01:13:09",
                "detail": [{"ip": "m47", "gpus": ["gpu0", "gpu1"]}],
            },
            {
                "start_time": "2017-10-07 02:00:00",
                "end_time": "2017-10-07 03:00:00",
                "detail": [
                    {"ip": "m1", "gpus": [f"gpu{n}" for n in range(8)]},
                    {"ip": "m2", "gpus": [f"gpu{n}" for n in range(4)]},
                ],
            },
            {"start_time": "2017-10-07 04:00:00", "end_time": None, "detail": []},
            {"start_time": "None", "end_time": "None", "detail": []},
        ],
        "submitted_time": "2017-10-07 01:11:39",
        "user": "ce2f4c",
    },
    {
        "status": "Killed",
        "vc": "6214e9",
        "jobid": "application_1",
        "attempts": [
            {
                "start_time": "2017-10-07 01:00:00",
                "end_time": "2017-10-07 01:00:30",
                "detail": [{"ip": "m47", "gpus": ["gpu0"]}],
            }
        ],
        "submitted_time": "2017-10-07 00:11:39",
        "user": "u2",
    },
]


def ended(name: str, gpus: int, start: str, end: str, **metadata: Any) -> dict[str, Any]:
    """A Kubernetes pod that ran on one day between two times of day."""
    day = "2024-05-01T"
    run = {"startedAt": f"{day}{start}Z", "finishedAt": f"{day}{end}Z", "exitCode": 0}
    requests = {"cpu": "1500m", "memory": "2Gi"} | ({"nvidia.com/gpu": gpus} if gpus else {})
    return {
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "ml", "creationTimestamp": f"{day}00:00:10Z", **metadata
        },
        "spec": {
            "nodeName": "n1",
            "priority": 7,
            "nodeSelector": {"nvidia.com/gpu.product": "H100-80GB"} if gpus else {},
            "containers": [{"name": "main", "resources": {"requests": requests}}],
        },
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "main", "state": {"terminated": run}}],
        },
    }  # fmt: skip


GANG = {"scheduling.x-k8s.io/pod-group": "g"}
DUMP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        ended("late", 2, "00:05:00", "00:06:40", creationTimestamp="2024-05-01T00:01:00Z"),
        ended("w-0", 1, "00:01:00", "00:02:00", labels=GANG),
        ended("w-1", 1, "00:01:30", "00:02:30", labels=GANG),
        {"kind": "Pod", "metadata": {"name": "runs"}, "status": {"phase": "Running"}},
        ended("etl", 0, "00:00:20", "00:00:21"),
    ],
}

SAMPLES = {
    "canonical": "name,work_s,gpu_count\na,1,1\n",
    "pods": "name,cpu_milli,memory_mib,gpu_count,gpu_milli,duration_s\na,1,1,1,500,9\n",
    "openb": (
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,"
        "creation_time,deletion_time,scheduled_time\n"
        "a,4000,8192,1,460,T4|P100,LS,Running,100,400,150\n"
        "b,1000,2048,0,0,T4,BE,Running,90,95,\n"
        "c,1000,2048,2,1500,,BE,Running,90,95,90\n"
    ),
    "philly": (
        "timestamp,duration,num_gpus,gpu_time,cluster\n"
        "2017-10-09 07:01:55,66.0,1,66.0,11cb48\n"
        "2017-10-08 07:01:55,10.5,12,126,6214e9\n"
        "2017-10-09 07:01:55,67.0,16,1072.0,11cb48\n\n"
    ),
    "philly-json": json.dumps(PHILLY_LOG),
    "helios": (
        "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,"
        "queue\n"
        "11,ua,vcX,16,64,2,COMPLETED,2020-06-09 18:41:31,2020-06-09 18:41:41,"
        "2020-06-09 18:43:21,100,10\n"
        "12,ub,vcY,12,13,5,FAILED,2020-06-09 18:41:01,2020-06-09 18:41:01,"
        "2020-06-09 18:41:02,1,0\n"
        "13,ub,vcY,0,3,1,CANCELLED,2020-06-09 18:41:31,2020-06-09 18:41:31,"
        "2020-06-09 18:41:31,0,0\n"
    ),
    "acme": (
        "job_id,user,node_num,gpu_num,cpu_num,mem_per_pod_GB,shared_mem_per_pod,type,state,"
        "submit_time,start_time,end_time,fail_time,stop_time,duration,queue,gpu_time\n"
        "dlc1,uf,8,64,960,1000,100.0,Pretrain,FAILED,2023-05-17 11:00:58+00:00,"
        "2023-05-17 11:01:08+00:00,2023-05-17 11:01:16+00:00,,,18,10.0,1152.0\n"
        "dlc2,uf,1,1,10,,,Debug,CANCELLED,2023-05-17 19:00:57+08:00,"
        "2023-05-17 19:01:08+08:00,2023-05-17 19:11:08+08:00,,,600,11.0,600\n"
    ),
    "pai": (
        "job_name,task_name,inst_num,status,start_time,end_time,plan_cpu,plan_mem,plan_gpu,"
        "gpu_type\n"
        "j1,ps,1.0,Terminated,110.0,200.0,600.0,29.296875,,MISC\n"
        "j2,tensorflow,1.0,Failed,105.0,150.0,50.0,1,50.0,T4\n"
        "j1,worker,3.0,Terminated,112.0,260.0,650.0,10,150.0,T4\n"
    ),
    "pai-instances": (
        "job_name,task_name,inst_name,worker_name,inst_id,status,start_time,end_time,machine\n"
        "j1,worker,a,w0,i1,Terminated,120.0,260.0,m1\n"
        "j1,ps,b,w1,i1,Terminated,110.0,200.0,m1\n"
        "j1,worker,c,w2,i1,Terminated,112.0,250.0,m2\n"
    ),
    "dlrm": (
        "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,"
        "rdma_limit,memory_request,memory_limit,disk_request,disk_limit,max_instance_per_node,"
        "creation_time,scheduled_time,deletion_time\n"
        "i0,HN,app_0,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,,,\n"
        "i1,CN,app_1,64,64,0,0,1,1,320.0,320.0,255.0,300.0,-1,100.0,130.0,500.0\n"
        "i2,HN,app_0,12,12,1,1,25,25,120.5,120.5,640.0,800.0,8,,,90.0\n"
        "i3,HN,app_0,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,450.0,450.0,\n"
    ),
    "spot-gpu": (
        "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,submit_time,duration,"
        "job_type\n"
        "239255,13,A10,20.0,1.0,1,0.0,2764799.0,HP\n"
        "437261,57,A100-SXM4-80GB,15,0.5,94,9589663,71718,Spot\n"
    ),
    "elasticflow": (
        "job_id,submission_time,num_iteration,model_name,deadline,batch_size,num_gpu,duration\n"
        "6b2d,16566,40285,bert,21347,64,4,3890\n"
    ),
    "elasticflow-sim": (
        "job_id,submit_time,real_iteration,model_name,ddl,batch_size,num_gpu,real_duration,"
        "duration,iteration\n0,7,128,vgg16,771220,256,1,976570,976570,128\n"
    ),
    "itp": "job_id,submission_time,duration,num_gpu\n965d,1932025,2429,64\nfb10,5,1532,1\n",
    "muri": (
        "job_id,num_gpu,submit_time,iterations,model_name,batch_size,duration,interval,"
        "iteration_time,resource_time_0,resource_time_1,resource_time_2,priority\n"
        "0,1,0,5853661,dqn,128,2868294000,46122000,490,446,8,0,1\n"
        "1,32,201694000,100,vgg16,128,4472936000,201694000,509,435,8,0.5,0\n"
    ),
    "chronus": (
        "job_id,user,num_gpu,submit_time,iterations,model_name,duration,interval,"
        "expect_time_list,expect_value_list,best_effort,job_type\n"
        "0,vc_a,1,10,5,vgg16,7,14,159-189,10-8,0,soft\n1,vc_b,0,20,5,dqn,8,14,20,10,1,best\n"
    ),
    "tiresias": (
        "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n"
        "0,1,0,606,vgg19,164,30\n1,8,30,133,vgg11,147,23\n"
    ),
    "gavel": (
        "job_id,arrival_unit,job_type,scale_factor,v100_duration_s,total_steps\n"
        "0,0.0,ResNet-18 (batch size 64),8,68344.5,17\n1,0.25,LM (batch size 5),1,31016.5,3\n"
    ),
    "pollux": (
        "name,time,application,num_replicas,batch_size\n"
        "cifar10-0,107,cifar10,1,128\nbert-1,110,bert,8,384\n"
    ),
    "slurm": (
        "JobID|User|Partition|Submit|Start|End|Timelimit|NNodes|ReqTRES|AllocTRES\n"
        "12|ann|gpu|2024-05-01T08:00:30|2024-05-01T08:10:00|2024-05-01T09:10:00|1-02:00:00|2|"
        "billing=8,cpu=15,gres/gpu:a100=16,mem=1000M,node=2|"
        "billing=8,cpu=16,gres/gpu:a100=16,gres/gpu=16,mem=62.50G,node=2\n"
        "12.batch|||2024-05-01T08:10:00|2024-05-01T08:10:00|2024-05-01T09:10:00||1||cpu=8,node=1\n"
        '13_4|"bob|cpu|2024-05-01T08:00:00|2024-05-01T08:00:00|2024-05-01T08:00:09|UNLIMITED|1|'
        "cpu=1,mem=4G,node=1|cpu=1,mem=4G,node=1\n"
        "14|ann|mig|2024-05-01T08:00:40|2024-05-01T08:00:40|2024-05-01T08:00:50|05:00|1||"
        "cpu=1,gres/gpu:1g.10gb=1,mem=4G,node=1\n"
    ),
    "kubernetes": json.dumps(DUMP),
}

NEEDS_OTHERS = {"pai-instances": ("pai_instance_table.csv", {"pai_task_table.csv": "pai"})}
"""What a format's file must be called, and the samples that must be in its folder."""


def read(write: Write, name: str, text: str = "", format: str = "auto") -> JobTable:
    called, others = NEEDS_OTHERS.get(name, ("f.csv", {}))
    for other, sample in others.items():
        write(SAMPLES[sample], other)
    return read_jobs(write(text or SAMPLES[name], called), format, interarrival_s=400)
