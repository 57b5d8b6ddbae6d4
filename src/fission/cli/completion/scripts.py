"""What a shell is given to ask us what a word may become.

Every script asks ``fission __complete <shell> <words…>``, the last word being the one that is
typed. The answer is a line for each candidate, value and meaning with a tab between, and a last
line that is ``:files`` where files are wanted instead.
"""

from typing import Final

BASH: Final = """\
# Completion of fission for bash.
_fission() {
    local line reply=() files=0 IFS=$'\\n'
    for line in $("${COMP_WORDS[0]}" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
        if [[ $line == :files ]]; then
            files=1
        elif [[ $line != :* ]]; then
            reply+=("${line%%$'\\t'*}")
        fi
    done
    COMPREPLY=("${reply[@]}")
    if ((files)); then
        compopt -o default 2>/dev/null
    fi
}
complete -F _fission fission
"""  # noqa: E501 - the line as the shell reads it

ZSH: Final = """\
#compdef fission
# Completion of fission for zsh.
_fission() {
    local line value meaning files=0
    local -a described
    for line in "${(@f)$("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case "$line" in
        :files) files=1 ;;
        :* | "") ;;
        *)
            value="${line%%$'\\t'*}"
            meaning="${line#*$'\\t'}"
            described+=("${value//:/\\\\:}:$meaning")
            ;;
        esac
    done
    if ((files)); then
        _files
    elif ((${#described})); then
        _describe fission described
    fi
}
if [ "$funcstack[1]" = "_fission" ]; then
    _fission
else
    compdef _fission fission
fi
"""

FISH: Final = """\
# Completion of fission for fish.
function __fission_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete fish $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case ':*'
            case '*'
                echo $line
        end
    end
end
complete -c fission -f -a '(__fission_complete)'
"""

TEXTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH}

_USES: Final = {
    "bash": 'eval "$(fission completion bash)"   # in ~/.bashrc',
    "zsh": "fission completion zsh > ~/.zfunc/_fission   # a folder of fpath, before compinit",
    "fish": "fission completion fish > ~/.config/fish/completions/fission.fish",
}


def help_of(shell: str) -> str:
    """What the command does, and how it is used."""
    return f"Write the script that completes commands in {shell}.\n\n{_USES[shell]}"
